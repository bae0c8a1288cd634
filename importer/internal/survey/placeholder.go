package survey

import (
	"bytes"
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// placeholderWords are what programs and people write where there is no id, in lower
// case. The SDK refuses some of them, in some spellings.
var placeholderWords = func() map[string]bool {
	set := map[string]bool{}
	for _, word := range []string{
		// a value that is none
		"null", "nil", "none", "undefined", "na", "n/a", "#n/a", "nan", "-nan", "inf", "void", "empty", "blank", "missing", "unset", "not set", "not_set",
		"(not set)", "(null)", "(none)", "(empty)", "<nil>", "<null>", "<none>", "<no value>", "[object object]", "[object undefined]", "{}", "[]", "-", "--", "?",
		// a number or a boolean
		"0", "-1", "0.0", "true", "false", "00000000-0000-0000-0000-000000000000", "{00000000-0000-0000-0000-000000000000}",
		"00000000000000000000000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff",
		// somebody who is not known
		"unknown", "unknown_user", "unknown user", "unidentified", "anonymous", "anonymous_user", "anonymous user", "anon", "guest", "guest_user", "visitor", "nobody", "no_user",
		"not_authenticated", "unauthenticated", "not_logged_in", "logged_out", "default", "deleted", "deleted_user", "other", "others", "system",
		// a try
		"test", "testuser", "test_user", "test user", "tester", "testing", "dummy", "example", "sample", "demo", "foo", "bar", "todo", "tbd", "xxx",
		// the name of the column
		"id", "uid", "user", "userid", "user_id", "distinctid", "distinct_id", "anonymousid", "anonymous_id", "visitor_id", "customer_id", "device_id", "email", "username",
	} {
		set[word] = true
	}
	return set
}()

// longestWord is how many bytes a word has at most, and a few spaces around it.
const longestWord = 48

// placeholder returns the word that an id is, without regard to case and to white
// space around it, or "".
func placeholder(id string) string {
	if len(id) > longestWord {
		return ""
	}
	id = strings.ToLower(strings.TrimSpace(id))
	if !placeholderWords[id] {
		return ""
	}
	return id
}

// addWord counts an id that is a word.
func (p *people) addWord(id string, at place) {
	word := placeholder(id)
	if word == "" {
		return
	}
	o := p.words[word]
	if o == nil {
		o = &frequentID{first: at}
		p.words[word] = o
	}
	if o.count++; o.count == 1 || at.before(o.first) {
		o.id, o.first = strings.Clone(id), at
	}
}

// linked are the members of an identify or an alias that have another id of its
// person.
var linked = []string{"anonymous_id", "device_id", "new_user_id"}

var linkedNames = [][]byte{[]byte(`"anonymous_id"`), []byte(`"device_id"`), []byte(`"new_user_id"`)}

// addLinked counts the ids that an identify or an alias links to its person. All who
// have such a word would be one person.
func (p *people) addLinked(message []byte, at place) {
	if !slices.ContainsFunc(linkedNames, func(name []byte) bool { return bytes.Contains(message, name) }) {
		return // most have none
	}
	eachMember(message, func(name string, value jsontext.Value, whole bool) bool {
		if whole && slices.Contains(linked, name) && len(value) <= longestWord {
			if id, err := jsontext.AppendUnquote(nil, value); err == nil {
				p.addWord(string(id), at)
			}
		}
		return whole
	})
}

// placeholders are the words that are on two rows at least, the most frequent first.
func (p *people) placeholders() []*frequentID {
	found := slices.Collect(maps.Values(p.words))
	found = slices.DeleteFunc(found, func(o *frequentID) bool { return o.count < 2 })
	slices.SortFunc(found, func(a, b *frequentID) int {
		return cmp.Or(cmp.Compare(b.count, a.count), cmp.Compare(placeholder(a.id), placeholder(b.id)))
	})
	return found
}
