package altertable

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"
)

// NewAnonymousID returns a new id for a visitor who is not known yet, in the
// form of the browser SDK: "anonymous-" and a UUID.
func NewAnonymousID() string { return "anonymous-" + uuid.NewString() }

// NewDeviceID returns a new id for a device, in the form of the browser SDK:
// "device-" and a UUID. A server does not make up device ids for its users;
// this is for programs that are the device.
func NewDeviceID() string { return "device-" + uuid.NewString() }

// maxIDLength is the bound that the platform's own SDKs put on an id.
const maxIDLength = 1024

// validateUserID refuses what cannot be a person's id: the placeholders that a
// broken login flow sends would merge strangers into one identity.
func validateUserID(field, id string) error {
	if err := validateVisible(field, id); err != nil {
		return err
	}
	switch trimmed := trimInvisible(id); {
	case isReservedID(trimmed):
		return &ValidationError{field, "is a reserved word, not an id"}
	case isFormatMistake(trimmed):
		return &ValidationError{field, "is what package fmt writes for a mistake, not an id"}
	}
	return validateID(field, id)
}

// validateIDs checks the ids of a track or an identify.
func validateIDs(distinctID, anonymousID, deviceID string) error {
	if err := validateUserID("distinct_id", distinctID); err != nil {
		return err
	}
	if err := validateOptionalID("anonymous_id", anonymousID); err != nil {
		return err
	}
	return validateOptionalID("device_id", deviceID)
}

// validateOptionalID takes an id that identifies nobody, which is left out: one
// "undefined" of a broken front end must not cost the event, nor merge all who
// send it.
func validateOptionalID(field, id string) error {
	if isNobody(id) {
		return nil
	}
	return validateID(field, id)
}

func validateID(field, id string) error {
	switch {
	case !utf8.ValidString(id):
		return &ValidationError{field, "is not valid UTF-8"}
	case strings.IndexByte(id, 0) >= 0: // C ends a text here, and many databases refuse it
		return &ValidationError{field, "contains a NUL character"}
	case len(id) > maxIDLength && utf8.RuneCountInString(id) > maxIDLength:
		return &ValidationError{field, "has more than 1024 characters"}
	}
	return nil
}

// isNobody reports whether id identifies nobody: it is blank or a placeholder.
func isNobody(id string) bool {
	trimmed := trimInvisible(id)
	return trimmed == "" || isReservedID(trimmed) || isFormatMistake(trimmed)
}

// isFormatMistake reports whether id, which is trimmed, is like "%!s(<nil>)" and
// "%!v(BADINDEX)".
func isFormatMistake(id string) bool {
	return strings.HasPrefix(id, "%!") && strings.HasSuffix(id, ")")
}

// isReservedID reports whether the platform's SDKs refuse id, which is trimmed,
// or whether it is what Go writes for no value.
func isReservedID(id string) bool {
	if len(id) > maxReservedID {
		return false
	}
	switch id {
	case "[object Object]", "0", "NaN", "none", "None", "null", "<nil>", "<no value>":
		return true
	}
	for _, word := range reservedWords {
		if len(id) == len(word) && strings.EqualFold(id, word) {
			return true
		}
	}
	return false
}

const maxReservedID = len("not_authenticated")

var reservedWords = [...]string{"anonymous_id", "anonymous", "distinct_id", "distinctid", "false", "guest", "id",
	"not_authenticated", "true", "undefined", "user_id", "user", "visitor_id", "visitor"}

// validateVisible refuses a text in which there is nothing to see.
func validateVisible(field, s string) error {
	switch {
	case !isBlank(s):
		return nil
	case strings.TrimSpace(s) == "":
		return &ValidationError{field, "must not be empty"}
	}
	return &ValidationError{field, "has no visible character"}
}

func isBlank(s string) bool { return s == "" || trimInvisible(s) == "" }

// trimInvisible returns s without the characters at its ends that nobody sees.
func trimInvisible(s string) string {
	if s == "" || isVisibleASCII(s[0]) && isVisibleASCII(s[len(s)-1]) {
		return s
	}
	return strings.TrimFunc(s, isInvisible)
}

func isVisibleASCII(c byte) bool { return c > ' ' && c < 0x7f }

// isInvisible reports whether r is white space, a control or format character,
// or one that fonts show as nothing, such as the Hangul fillers.
func isInvisible(r rune) bool {
	const brailleBlank = '\u2800' // a symbol to Unicode: a cell without dots
	if r < utf8.RuneSelf {
		return !isVisibleASCII(byte(r))
	}
	return r == brailleBlank ||
		unicode.In(r, unicode.Z, unicode.Cc, unicode.Cf, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point)
}
