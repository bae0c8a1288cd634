package hints

import (
	"encoding/base64"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
)

// hasSecret reports whether a text has something in it that is a secret whatever
// its name.
func hasSecret(text string, kind nameKind) bool {
	const shortest = 13
	if len(text) < shortest {
		return false
	}
	return hasCard(text, kind) || hasJWT(text) || hasPrivateKey(text) || hasKey(text) || hasURLPassword(text)
}

func hasPrivateKey(text string) bool {
	_, after, ok := strings.Cut(text, "-----BEGIN ")
	label, _, closed := strings.Cut(after, "-----")
	return ok && closed && strings.HasSuffix(label, "PRIVATE KEY")
}

// hasJWT looks for three parts in base64url of which the first is a header.
func hasJWT(text string) bool {
	for {
		i := strings.Index(text, "eyJ")
		if i < 0 {
			return false
		}
		text = text[i:]
		end := strings.IndexFunc(text, func(r rune) bool { return r != '.' && !isKeyRune(r) })
		if end < 0 {
			end = len(text)
		}
		if isJWT(text[:end]) {
			return true
		}
		text = text[end:]
	}
}

func isJWT(text string) bool {
	parts := strings.Split(text, ".")
	if len(parts) != 3 || parts[1] == "" {
		return false
	}
	decoded, err := base64.RawURLEncoding.DecodeString(parts[0])
	var header struct {
		Algorithm string `json:"alg"`
	}
	return err == nil && json.Unmarshal(decoded, &header) == nil && header.Algorithm != ""
}

func isKeyRune(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == '-'
}

// keyShapes are what keys of well-known services look like.
var keyShapes = regexp.MustCompile(`(?:^|[^A-Za-z0-9_-])(?:` + strings.Join([]string{
	`(?:sk|rk)_(?:live|test)_[A-Za-z0-9]{16,}`, `whsec_[A-Za-z0-9+/=]{16,}`,
	`gh[pousr]_[A-Za-z0-9]{30,}`, `github_pat_[A-Za-z0-9_]{30,}`, `glpat-[A-Za-z0-9_-]{20,}`,
	`xox[abprs]-[A-Za-z0-9-]{16,}`, `(?:AKIA|ASIA)[A-Z0-9]{16}(?:[^A-Z0-9]|$)`, `AIza[A-Za-z0-9_-]{35}`, `ya29\.[A-Za-z0-9_-]{20,}`,
	`sk-[A-Za-z0-9]{20,}`, `sk-(?:ant|proj|svcacct)-[A-Za-z0-9_-]{20,}`, `SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}`, `npm_[A-Za-z0-9]{36}`,
	`pypi-[A-Za-z0-9_-]{50,}`, `dop_v1_[a-f0-9]{32,}`, `shp(?:at|ss|ca)_[a-fA-F0-9]{32}`, `hf_[A-Za-z0-9]{30,}`, `atm_[A-Za-z0-9]{20,}`,
}, "|") + `)`)

// keyStarts are what a text must have for keyShapes to be worth a look.
var keyStarts = []string{"k_live_", "k_test_", "whsec_", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "xox", "AKIA", "ASIA",
	"AIza", "ya29.", "sk-", "SG.", "npm_", "pypi-", "dop_v1_", "shp", "hf_", "atm_"}

func hasKey(text string) bool {
	if !slices.ContainsFunc(keyStarts, func(start string) bool { return strings.Contains(text, start) }) {
		return false
	}
	return strings.ContainsAny(keyShapes.FindString(text), "0123456789")
}

var urlPassword = regexp.MustCompile(`[a-z][a-z0-9+.-]*://[^\s/:@?#]*:([^\s/@?#]{3,})@[A-Za-z0-9\[]`)

// hasURLPassword looks for postgres://user:password@host.
func hasURLPassword(text string) bool {
	if !strings.Contains(text, "://") || !strings.Contains(text, "@") {
		return false
	}
	found := urlPassword.FindStringSubmatch(text)
	return found != nil && !isMasked(found[1]) && !stateWords[strings.ToLower(found[1])]
}

// hasCard looks for a card's number among other text. An id of as many digits
// may pass the check by chance, so one that is not in groups does not count
// where the name speaks of an id.
func hasCard(text string, kind nameKind) bool {
	for i := 0; i < len(text); {
		if text[i] < '0' || text[i] > '9' {
			i++
			continue
		}
		groups, end := digitGroups(text, i)
		if (i == 0 || !continues(text[i-1:i])) && !continues(text[end:]) && isCardIn(groups, kind) {
			return true
		}
		i = end
	}
	return false
}

// continues reports whether a text beside digits makes them part of something
// longer: a UUID, an amount, a path.
func continues(text string) bool {
	if text == "" || text == "." || strings.HasPrefix(text, ". ") {
		return false
	}
	b := text[0]
	return b >= 0x80 || b == '.' || b == '/' || b == '+' || b == ':' || isKeyRune(rune(b))
}

// digitGroups returns the groups of digits from i on, which a space or a hyphen
// separates.
func digitGroups(text string, i int) (groups []string, end int) {
	for start := i; ; start = i + 1 {
		for i = start; i < len(text) && text[i] >= '0' && text[i] <= '9'; i++ {
		}
		if i == start {
			return groups, start - 1
		}
		groups = append(groups, text[start:i])
		if i == len(text) || text[i] != ' ' && text[i] != '-' {
			return groups, i
		}
	}
}

// cardGroups are the lengths of the groups in which cards print their numbers.
var cardGroups = [][]int{{4, 4, 4, 4}, {4, 6, 5}, {4, 6, 4}, {4, 4, 4, 4, 3}}

func isCardIn(groups []string, kind nameKind) bool {
	if len(groups) == 1 {
		return kind != idKind && isCard(groups[0])
	}
	return slices.ContainsFunc(cardGroups, func(lengths []int) bool {
		return slices.EqualFunc(lengths, groups, func(n int, group string) bool { return n == len(group) })
	}) && isCard(strings.Join(groups, ""))
}

// issuers are how the numbers of cards begin, and how long they are.
var issuers = []struct {
	from, to string // the first digits
	lengths  []int
}{
	{"4", "4", []int{16, 19}},           // Visa
	{"51", "55", []int{16}},             // Mastercard
	{"2221", "2720", []int{16}},         // Mastercard
	{"34", "34", []int{15}},             // American Express
	{"37", "37", []int{15}},             // American Express
	{"6011", "6011", []int{16, 19}},     // Discover
	{"644", "659", []int{16, 19}},       // Discover
	{"3528", "3589", []int{16}},         // JCB
	{"300", "305", []int{14}},           // Diners Club
	{"36", "36", []int{14}},             // Diners Club
	{"38", "39", []int{14}},             // Diners Club
	{"62", "62", []int{16, 17, 18, 19}}, // UnionPay
}

// isCard reports whether digits are a card's number: an issuer's first digits,
// its length, and the check digit.
func isCard(number string) bool {
	const shortest, longest = 13, 19
	if len(number) < shortest || len(number) > longest {
		return false
	}
	for _, issuer := range issuers {
		start := number[:len(issuer.from)]
		if start >= issuer.from && start <= issuer.to && slices.Contains(issuer.lengths, len(number)) {
			return passesLuhn(number)
		}
	}
	return false
}

func passesLuhn(number string) bool {
	sum := 0
	for i := range len(number) {
		digit := int(number[len(number)-1-i] - '0')
		if digit < 0 || digit > 9 {
			return false
		}
		if i%2 == 1 {
			if digit *= 2; digit > 9 {
				digit -= 9
			}
		}
		sum += digit
	}
	return sum%10 == 0
}
