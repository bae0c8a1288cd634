package hints

import (
	"regexp"
	"strings"
	"sync"
	"unicode"
)

// A nameKind is what the name of a trait says of its value.
type nameKind int8

const (
	plainKind nameKind = iota
	passwordKind
	tokenKind
	authorizationKind
	cookieKind
	cardKind
	codeKind // on the back of a card
	ibanKind
	socialKind
	idKind // a long number is no card's
)

// secretNames are what a name ends with, in words, the longer ones first.
var secretNames = []struct {
	words string
	kind  nameKind
}{
	{"social security", socialKind}, {"credit card", cardKind}, {"debit card", cardKind}, {"card", cardKind},
	{"api key", tokenKind}, {"access key", tokenKind}, {"secret key", tokenKind}, {"private key", tokenKind}, {"encryption key", tokenKind},
	{"password", passwordKind}, {"password2", passwordKind}, {"passwd", passwordKind}, {"passphrase", passwordKind}, {"pwd", passwordKind},
	{"secret", tokenKind}, {"token", tokenKind}, {"apikey", tokenKind}, {"accesskey", tokenKind}, {"bearer", tokenKind},
	{"authorization", authorizationKind}, {"cookie", cookieKind}, {"creditcard", cardKind}, {"pan", cardKind},
	{"cvv", codeKind}, {"cvc", codeKind}, {"cvv2", codeKind}, {"cvc2", codeKind}, {"iban", ibanKind}, {"ssn", socialKind},
	{"id", idKind}, {"ids", idKind}, {"ref", idKind}, {"reference", idKind}, {"order", idKind}, {"invoice", idKind},
	{"sku", idKind}, {"ean", idKind}, {"gtin", idKind}, {"upc", idKind}, {"isbn", idKind}, {"barcode", idKind}, {"imei", idKind},
	{"tracking", idKind}, {"shipment", idKind}, {"timestamp", idKind}, {"time", idKind}, {"ts", idKind}, {"at", idKind},
	{"serial", idKind}, {"phone", idKind},
}

// noSecretToken are words before "token" with which it opens nothing.
var noSecretToken = map[string]bool{
	"page": true, "next": true, "previous": true, "prev": true, "pagination": true, "continuation": true, "sync": true, "cursor": true,
	"design": true, "device": true, "push": true, "fcm": true, "apns": true, "csrf": true, "xsrf": true,
	"max": true, "input": true, "output": true, "prompt": true, "completion": true, "stop": true,
}

// trailing are words after which a name still means the secret itself.
var trailing = map[string]bool{"value": true, "hash": true, "plain": true, "text": true, "raw": true, "header": true, "code": true, "number": true, "1": true, "2": true}

// kinds remembers names, which repeat.
var kinds struct {
	sync.RWMutex
	of map[string]nameKind // guarded by the mutex
}

func kindOf(name string) nameKind {
	const longest, most = 64, 4096
	if len(name) > longest {
		return plainKind
	}
	kinds.RLock()
	kind, ok := kinds.of[name]
	kinds.RUnlock()
	if ok {
		return kind
	}
	kind = classify(name)
	kinds.Lock()
	defer kinds.Unlock()
	if kinds.of == nil || len(kinds.of) >= most {
		kinds.of = map[string]nameKind{}
	}
	kinds.of[name] = kind
	return kind
}

// classify goes by the words at the end: a user_password is a password, a
// password_strength is none.
func classify(name string) nameKind {
	numbered := false
	for words := wordsOf(name); len(words) > 0; {
		last := words[len(words)-1]
		if kind := endOf(words); kind != plainKind {
			return kind
		}
		if !trailing[last] {
			break
		}
		numbered = numbered || last == "number"
		words = words[:len(words)-1]
	}
	if numbered {
		return idKind
	}
	return plainKind
}

func endOf(words []string) nameKind {
	text := " " + strings.Join(words, " ")
	for _, known := range secretNames {
		before, ok := strings.CutSuffix(text, " "+known.words)
		if !ok {
			continue
		}
		if known.words == "token" && len(words) > 1 && noSecretToken[before[strings.LastIndex(before, " ")+1:]] {
			return plainKind
		}
		return known.kind
	}
	return plainKind
}

// wordsOf splits snake_case, kebab-case, camelCase and what is between.
func wordsOf(name string) (words []string) {
	var word []rune
	end := func() {
		if len(word) > 0 {
			words = append(words, strings.ToLower(string(word)))
			word = word[:0]
		}
	}
	runes := []rune(name)
	for i, r := range runes {
		switch {
		case !unicode.IsLetter(r) && !unicode.IsDigit(r):
			end()
			continue
		case unicode.IsUpper(r) && i > 0 && (!unicode.IsUpper(runes[i-1]) || i+1 < len(runes) && unicode.IsLower(runes[i+1])):
			end()
		}
		word = append(word, r)
	}
	end()
	return words
}

var (
	digits    = regexp.MustCompile(`^[0-9 -]*$`)
	ibanShape = regexp.MustCompile(`^[A-Za-z]{2}[0-9]{2}[A-Za-z0-9 ]{11,38}$`)
	social    = regexp.MustCompile(`^[0-9]{3}[- ]?[0-9]{2}[- ]?[0-9]{4}$`)
	scheme    = regexp.MustCompile(`^(?i:Bearer|Basic|Digest|Token|ApiKey) +[^ ]{8,}`)
)

// looksSecret reports whether a text is what its name says it is.
func looksSecret(kind nameKind, text string) bool {
	text = strings.TrimSpace(text)
	if kind == plainKind || kind == idKind || stateWords[strings.ToLower(text)] || isMasked(text) {
		return false
	}
	switch kind {
	case passwordKind:
		const shortest = 4
		return len(text) >= shortest && !strings.HasPrefix(text, "/") // which pwd may also be
	case tokenKind:
		const surely, perhaps = 20, 6
		return !strings.ContainsAny(text, " \n") && !strings.HasPrefix(text, "pk_") && // a publishable key
			(len(text) >= surely || len(text) >= perhaps && strings.ContainsAny(text, "0123456789"))
	case authorizationKind:
		return scheme.MatchString(text)
	case cookieKind:
		return strings.Contains(text, "=")
	case cardKind:
		return digits.MatchString(text) && isCard(onlyDigits(text))
	case codeKind:
		return numberIsSecret(kind, text)
	case ibanKind:
		return ibanShape.MatchString(text)
	case socialKind:
		return social.MatchString(text)
	}
	return false
}

// numberIsSecret reports whether a number is what its name says it is.
func numberIsSecret(kind nameKind, number string) bool {
	switch kind {
	case codeKind:
		return (len(number) == 3 || len(number) == 4) && onlyDigits(number) == number
	case cardKind:
		return isCard(number)
	case socialKind:
		return social.MatchString(number)
	case passwordKind, tokenKind:
		const long = 9
		return len(number) >= long && onlyDigits(number) == number
	}
	return false
}

// stateWords are texts that say something about a secret, and are none.
var stateWords = map[string]bool{
	"true": true, "false": true, "yes": true, "none": true, "null": true, "undefined": true, "unset": true,
	"changed": true, "updated": true, "created": true, "deleted": true, "removed": true, "rotated": true, "reset": true, "forgotten": true,
	"missing": true, "present": true, "empty": true, "valid": true, "invalid": true, "incorrect": true, "wrong": true, "expired": true,
	"revoked": true, "required": true, "optional": true, "enabled": true, "disabled": true, "weak": true, "medium": true, "strong": true,
	"accepted": true, "rejected": true, "declined": true, "refused": true, "granted": true, "denied": true, "succeeded": true, "failed": true,
	"hidden": true, "redacted": true, "filtered": true, "masked": true, "encrypted": true, "unknown": true, "password": true, "token": true, "secret": true,
}

// isMasked reports whether a text was made unreadable: ****, [FILTERED].
func isMasked(text string) bool {
	inner := strings.ToLower(strings.Trim(text, "[]<>(){} "))
	return stateWords[inner] || strings.Contains(text, "***") || strings.Contains(text, "\u2022\u2022") ||
		strings.Trim(inner, "x") == "" || strings.Trim(text, "*.\u2022-") == ""
}

func onlyDigits(text string) string {
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, text)
}
