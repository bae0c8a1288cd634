package hints

import (
	"fmt"
	"regexp"
	"strings"
)

var email = regexp.MustCompile(`^[A-Za-z0-9.!#$%&'*+=?^_{|}~-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}$`)

// isEmail reports whether an id is an e-mail address.
func isEmail(id string) bool {
	const longest = 254
	return strings.Contains(id, "@") && len(id) <= longest && email.MatchString(strings.TrimSpace(id))
}

func emailHint(field, id string) []Hint {
	if !isEmail(id) {
		return nil
	}
	return []Hint{{"email-id", fmt.Sprintf("This %s is an e-mail address, which can change: use a stable id from your own system, and send the address as a trait.", field)}}
}

// constants are ids that programs send where they know none, in plain spelling:
// those that the SDKs refuse, and some that are as clear.
var constants = map[string]bool{
	"anonymousid": true, "anonymous": true, "distinctid": true, "false": true, "guest": true, "id": true,
	"notauthenticated": true, "true": true, "undefined": true, "userid": true, "user": true, "visitorid": true, "visitor": true,
	"[objectobject]": true, "nan": true, "none": true, "null": true, "nil": true, "<nil>": true, "(null)": true,
	"test": true, "testuser": true, "unknown": true, "unknownuser": true, "admin": true, "system": true, "default": true,
}

// isConstant reports whether an id cannot be one person's own.
func isConstant(id string) bool {
	const longest = 20
	if id == "" {
		return false
	}
	switch id = strings.TrimSpace(id); id {
	case "", "0", "-1", "00000000-0000-0000-0000-000000000000":
		return true
	}
	return len(id) <= longest && constants[PlainName(id)]
}

// constantHint looks at pairs of a field and its id.
func constantHint(fields ...string) []Hint {
	for i := 0; i < len(fields); i += 2 {
		if isConstant(fields[i+1]) {
			return []Hint{{"constant-id", fmt.Sprintf("The %s %s is one that many people would share: send the user's own id, or an anonymous id for each visitor.", fields[i], shownName(fields[i+1]))}}
		}
	}
	return nil
}
