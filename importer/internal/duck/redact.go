package duck

import (
	"regexp"
	"strings"
)

// compositeType begins a type that has names or values of its own.
var compositeType = regexp.MustCompile(`\b(?:STRUCT|ENUM|UNION|ROW|VARIANT)\(`)

// redactTypes takes the members of types out of a text: STRUCT(...), ENUM(...).
func redactTypes(text string) string {
	var b strings.Builder
	for {
		at := compositeType.FindStringIndex(text)
		if at == nil {
			return b.String() + text
		}
		b.WriteString(text[:at[1]] + "...)")
		text = text[at[1]+closingBracket(text[at[1]:]):]
	}
}

// closingBracket is where the bracket that is open at the beginning of a text has been
// closed, and its end if it never is: a text that is cut off, or a bracket in a name.
func closingBracket(text string) int {
	open, quote := 1, rune(0)
	for i, r := range text {
		switch {
		case quote != 0:
			if r == quote {
				quote = 0
			}
		case r == '"' || r == '\'':
			quote = r
		case r == '(':
			open++
		case r == ')':
			if open--; open == 0 {
				return i + 1
			}
		}
	}
	return len(text)
}

// quoted is a name, a value, or what is between some of them. A quote within it
// has a letter behind it, and an apostrophe has one before it.
var quoted = regexp.MustCompile(`(?s)"(.*?)"(?:[\s.,;:!?)\]]|$)|(?:^|[\s(=\[])'(.*?)'(?:[\s.,;:!?)\]]|$)`)

// signature is how DuckDB writes a function with the types that it was called with.
var signature = regexp.MustCompile(`^[a-z_0-9+*/%<>=!|&~^@#-]+\([A-Z0-9_ ,()\[\].]*\)$`)

// undoubled has each quote once that SQL writes twice within quotes.
var undoubled = strings.NewReplacer("''", "'", `""`, `"`)

// redactQuoted takes out of a text what is quoted and is not in the query.
func redactQuoted(text, query string) string {
	var b strings.Builder
	query = strings.ToLower(query)
	query += " " + undoubled.Replace(query) // DuckDB quotes what the SQL means
	for {
		at := quoted.FindStringSubmatchIndex(text)
		if at == nil {
			return b.String() + text
		}
		from, to := at[2], at[3]
		if from < 0 {
			from, to = at[4], at[5]
		}
		b.WriteString(text[:from])
		switch inner := text[from:to]; {
		case strings.Contains(query, strings.ToLower(inner)), signature.MatchString(inner):
			b.WriteString(inner)
		case strings.ContainsAny(inner, `"'`): // nobody can tell where it ends
			to = max(to, strings.LastIndexAny(text, `"'`))
			fallthrough
		default:
			b.WriteString("...")
		}
		b.WriteString(text[to : to+1]) // the quote
		text = text[to+1:]
	}
}
