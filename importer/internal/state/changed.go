package state

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/altertable-ai/altertable-go/importer/internal/show"
)

// A ChangedError says that the file is about another import. With -force, that one
// goes on at Next if its rows before Next are the same: if deliver.Verify of them
// returns Prefix. Else it starts at 0. Force takes either.
type ChangedError struct {
	Sentence string // what differs, and what to do
	Next     int64  // the first position that was not done
	Prefix   string // the chain of the rows before Next; empty if Next is 0

	Delivered int64 // messages

	Rejects    int64 // as the last Note has them
	RejectsSum string

	path string
	what string
	goOn []string
	now  int64 // messages to be sent
}

// Error returns Sentence.
func (e *ChangedError) Error() string { return e.Sentence }

// Compared says what -force does, now that the rows were compared: it goes on at next,
// which is 0 or e.Next. e's Sentence says it from now on.
func (e *ChangedError) Compared(next int64) string {
	var does string
	switch {
	case next > 0:
		goOn := slices.Clone(e.goOn)
		if i := slices.Index(goOn, samePlace); i >= 0 {
			goOn[i] = fmt.Sprintf("-force goes on after the first %s, which are the same", show.Counted(next, "message"))
		}
		does = strings.Join(goOn, "; ")
	case e.Delivered > 0:
		does = fmt.Sprintf("-force starts at the first row and sends all %s, since rows before message %s were changed, added or removed: up to %s that were delivered are sent again, and rows that are the same have the same $event_id",
			show.Counted(e.now, "message"), show.Count(e.Next+1), show.Count(e.Delivered))
	default:
		does = "-force starts at the first row"
	}
	e.say(does)
	return fmt.Sprintf("%s is about another import: %s. %s", e.path, e.what, does)
}

func (e *ChangedError) say(does string) {
	e.Sentence = fmt.Sprintf("%s is about another import: %s. Name another file with -state, or delete it, to start at the first row; %s", e.path, e.what, does)
}

// A difference is one thing that is not what it was.
type difference struct {
	what string
	goOn string // what -force does then
}

const (
	samePlace = "-force goes on where it stopped if the rows before that are the same, and else starts at the first row"
	sameKey   = "if the key belongs to the same project, -force goes on where it stopped"
)

// compare returns what the file says differently from i.
func (h *header) compare(i Import) (changed []difference) {
	if h.Target != i.Target {
		changed = append(changed, difference{
			fmt.Sprintf("the target was %s and is %s", h.Target, i.Target),
			"-force goes on where it stopped, and the new target then lacks the rows before that",
		})
	} else if h.Key != i.Key {
		changed = append(changed, difference{"the API key is another one", sameKey})
	}
	if h.Mapping != i.Mapping {
		changed = append(changed, difference{h.compareFlags(i), samePlace})
	}
	switch {
	case h.Messages != i.Messages:
		changed = append(changed, difference{fmt.Sprintf("there were %d messages to be sent and now there are %d", h.Messages, i.Messages), samePlace})
	case h.Engine != i.Engine:
		changed = append(changed, difference{"it was written with another version of DuckDB, which may put rows in another order", samePlace})
	case h.Digest != i.Digest:
		changed = append(changed, difference{fmt.Sprintf("the %d messages to be sent are not the same any more", h.Messages), samePlace})
	}
	return changed
}

// differsInKey reports whether the key is all that i has differently.
func (h *header) differsInKey(i Import) bool {
	same := *h
	same.Key = i.Key
	return len(same.compare(i)) == 0
}

// compareFlags says which flags are others.
func (h *header) compareFlags(i Import) string {
	now := hashAll(i.Flags)
	names := map[string]bool{}
	for _, flags := range []map[string]string{h.Flags, now} {
		for name := range flags {
			if h.Flags[name] != now[name] {
				names["-"+strings.TrimPrefix(name, "-")] = true
			}
		}
	}
	switch list := slices.Sorted(maps.Keys(names)); len(list) {
	case 0:
		return "the mapping of the rows is another one"
	case 1:
		return list[0] + " is not what it was"
	default:
		return strings.Join(list, ", ") + " are not what they were"
	}
}

// changed returns the error for what differs.
func (s *State) changed(all []difference) *ChangedError {
	var what, goOn []string
	for _, d := range all {
		what = append(what, d.what)
		if !slices.Contains(goOn, d.goOn) {
			goOn = append(goOn, d.goOn)
		}
	}
	e := &ChangedError{
		Next: s.Next(), Delivered: s.last.Delivered, Rejects: s.last.Rejects, RejectsSum: s.last.RejectsSum,
		path: s.path, what: strings.Join(what, "; "), goOn: goOn, now: s.about.Messages,
	}
	if e.Next > 0 {
		e.Prefix = s.last.Chain
	}
	e.say(strings.Join(goOn, "; "))
	return e
}

// hashAll returns hashes of the values: a query or a path may hold what is not for
// everybody's eyes.
func hashAll(flags map[string]string) map[string]string {
	hashed := make(map[string]string, len(flags))
	for name, value := range flags {
		if value != "" {
			sum := sha256.Sum256([]byte(value))
			hashed[name] = hex.EncodeToString(sum[:8])
		}
	}
	return hashed
}
