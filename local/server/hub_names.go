package server

import (
	"cmp"
	"maps"
	"slices"

	"github.com/altertable-ai/altertable-go/local/internal/hints"
)

// listedNames is how many event names the console offers, and maxName how long
// one may be.
const (
	listedNames = 200
	maxName     = 200
)

// names are those of the kept events. The hub's mutex guards it.
type names struct {
	seen         map[string]*name
	first        map[string]string // the first spelling of those that are the same
	environments map[string]bool
	listed       []string // nil when it has to be made again
}

type name struct {
	count    int
	spelling string // the first one of the same name, if this is another
}

func newNames() names {
	return names{seen: map[string]*name{}, first: map[string]string{}, environments: map[string]bool{}}
}

// add counts an event's name, and returns another spelling of it if there was
// one before.
func (n *names) add(text string) (spelling string) {
	if len(text) > maxName {
		return ""
	}
	known := n.seen[text]
	if known == nil {
		known = &name{}
		plain := hints.PlainName(text)
		if first, ok := n.first[plain]; ok && plain != "" {
			known.spelling = first
		} else {
			n.first[plain] = text
		}
		n.seen[text], n.listed = known, nil
	}
	if known.spelling != "" && n.seen[known.spelling] == nil {
		known.spelling, n.first[hints.PlainName(text)] = "", text // the other one has left
	}
	known.count++
	return known.spelling
}

func (n *names) remove(text string) {
	known := n.seen[text]
	if known == nil {
		return
	}
	if known.count--; known.count == 0 {
		delete(n.seen, text)
		if plain := hints.PlainName(text); n.first[plain] == text {
			delete(n.first, plain)
		}
		n.listed = nil
	}
}

func (n *names) addEnvironment(environment string) {
	if len(n.environments) < listedNames {
		n.environments[environment] = true
	}
}

// list returns the names in order; of too many, those with the most events. The
// slice is not changed afterwards.
func (n *names) list() []string {
	if n.listed == nil {
		all := slices.SortedFunc(maps.Keys(n.seen), func(a, b string) int {
			return cmp.Or(cmp.Compare(n.seen[b].count, n.seen[a].count), cmp.Compare(a, b))
		})
		n.listed = append([]string{}, all[:min(len(all), listedNames)]...)
		slices.Sort(n.listed)
	}
	return n.listed
}
