package server

import (
	"cmp"
	"maps"
	"slices"
)

// traitsText is JSON of traits for the console. If it is too long for that, the
// short ones come first: one long text does not hide the others.
func traitsText(traits map[string]any) string {
	text := jsonText(traits)
	if len(text) <= clip {
		return text
	}
	size := func(name string) int { return len(name) + len(appendValue(nil, traits[name])) }
	names := slices.SortedFunc(maps.Keys(traits), func(a, b string) int {
		return cmp.Or(cmp.Compare(size(a), size(b)), cmp.Compare(a, b))
	})
	sorted := []byte{'{'}
	for i, name := range names {
		if i > 0 {
			sorted = append(sorted, ',')
		}
		sorted = append(appendValue(sorted, name), ':')
		sorted = appendValue(sorted, traits[name])
		if len(sorted) > clip {
			break
		}
	}
	return clipped(string(sorted))
}
