package hints

import (
	"encoding/json"
	"fmt"
	"strconv"
)

// A hint must not cost more than storing the message did, however large that is.
const (
	lookedValues = 1000
	lookedBytes  = 64 << 10
	lookedText   = 8 << 10 // of one text
)

// A secretSearch looks for secrets in decoded JSON, within its limits.
type secretSearch struct {
	values, bytes int    // that are left
	found         bool   // something looks like a secret
	name          string // of what was found: the first in order
}

func secretHint(kind string, object map[string]any) []Hint {
	s := secretSearch{values: lookedValues, bytes: lookedBytes}
	s.object(object)
	if !s.found {
		return nil
	}
	return []Hint{{"secret-trait", fmt.Sprintf("The %s %s looks like a secret: never send secrets or regulated data in traits or properties, since whoever can query sees them.", kind, shownName(s.name))}}
}

func (s *secretSearch) object(object map[string]any) {
	for name, value := range object {
		if !s.value(name, value) {
			return
		}
	}
}

// value looks at a value under a name, and reports whether to go on.
func (s *secretSearch) value(name string, value any) bool {
	if s.values--; s.values < 0 || s.bytes < 0 {
		return false
	}
	secret, kind := false, kindOf(name)
	switch v := value.(type) {
	case string:
		v = v[:min(len(v), lookedText)]
		s.bytes -= len(v)
		secret = looksSecret(kind, v) || hasSecret(v, kind)
	case float64:
		if kind != plainKind && v == float64(int64(v)) {
			secret = numberIsSecret(kind, strconv.FormatInt(int64(v), 10))
		}
	case json.Number:
		secret = numberIsSecret(kind, v.String())
	case map[string]any:
		s.object(v)
	case []any:
		for _, child := range v {
			if !s.value(name, child) {
				return false
			}
		}
	}
	if secret && (!s.found || name < s.name) {
		s.found, s.name = true, name
	}
	return true
}
