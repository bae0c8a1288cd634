package server

import "strings"

// literal is text as an expression of SQL. A quote is doubled. A NUL byte would
// end the statement, so it is made by a function. What is not UTF-8 is replaced:
// the API takes no such text.
func literal(text string) string {
	parts := strings.Split(strings.ToValidUTF8(text, "\uFFFD"), "\x00")
	for i, part := range parts {
		parts[i] = "'" + strings.ReplaceAll(part, "'", "''") + "'"
	}
	if len(parts) == 1 {
		return parts[0]
	}
	return "(" + strings.Join(parts, " || chr(0) || ") + ")"
}
