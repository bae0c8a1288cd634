package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

var email = regexp.MustCompile(`^[A-Za-z0-9.!#$%&'*+=?^_{|}~-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}$`)

// isEmail reports whether an id is an e-mail address.
func isEmail(id string) bool {
	const longest = 254
	return strings.Contains(id, "@") && len(id) <= longest && email.MatchString(strings.TrimSpace(id))
}

func emailHint(field, id string) []hint {
	if !isEmail(id) {
		return nil
	}
	return []hint{{"email-id", fmt.Sprintf("This %s is an e-mail address, which can change: use a stable id from your own system, and send the address as a trait.", field)}}
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
	return len(id) <= longest && constants[plainName(id)]
}

// constantHint looks at pairs of a field and its id.
func constantHint(fields ...string) []hint {
	for i := 0; i < len(fields); i += 2 {
		if isConstant(fields[i+1]) {
			return []hint{{"constant-id", fmt.Sprintf("The %s %s is one that many people would share: send the user's own id, or an anonymous id for each visitor.", fields[i], shownName(fields[i+1]))}}
		}
	}
	return nil
}

// unknownEnvironment returns the first environment in a body that does not exist.
func unknownEnvironment(body []byte, known []string) (name string, found bool) {
	decoder := json.NewDecoder(bytes.NewReader(body))
	if bytes.HasPrefix(bytes.TrimSpace(body), []byte("[")) {
		if _, err := decoder.Token(); err != nil {
			return "", false
		}
	}
	for decoder.More() {
		var message map[string]json.RawMessage // a struct would take "Environment" as well
		var environment string
		if decoder.Decode(&message) != nil || json.Unmarshal(message["environment"], &environment) != nil {
			return "", false
		}
		if !slices.Contains(known, environment) {
			return environment, true
		}
	}
	return "", false
}
