package show

import "regexp"

var (
	inAddress = regexp.MustCompile(`([A-Za-z][A-Za-z0-9+.-]*://)[^\s'"]*:[^\s'"]*@`)
	inOptions = regexp.MustCompile(`(?i)\b((?:ssl)?password|passwd)(\s*=\s*)('(?:[^'\\]|\\.|'')*'|"[^"]*"|[^\s&'";]+)`)
)

// WithoutPasswords takes passwords out of a sentence that may quote an argument:
// those of addresses, such as postgres://me:password@host, and those of
// connection strings, such as host=db password=secret.
func WithoutPasswords(text string) string {
	return inOptions.ReplaceAllString(inAddress.ReplaceAllString(text, "$1...@"), "$1$2...")
}
