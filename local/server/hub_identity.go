package server

import (
	"sync"

	"github.com/altertable-ai/altertable-go/altertabletest"
	"github.com/altertable-ai/altertable-go/local/internal/hints"
)

// listedIDs is how many ids of each kind a row of an identity has.
const listedIDs = 20

// A shownIdentity is a row of the console.
type shownIdentity struct {
	Environment  string       `json:"environment"`
	DistinctID   string       `json:"distinct_id"`
	Traits       string       `json:"traits"`
	AnonymousIDs []string     `json:"anonymous_ids"`
	Aliases      []string     `json:"aliases"`
	More         int          `json:"more"` // ids that are not listed
	Devices      int          `json:"devices"`
	UpdatedAt    string       `json:"updated_at"`
	CreatedAt    string       `json:"created_at"`
	Hints        []hints.Hint `json:"hints,omitempty"`
}

func newUpdate(u *altertabletest.Update) *liveUpdate {
	if u == nil {
		return nil
	}
	const itself = 512
	size := itself + len(u.DistinctID) + len(u.AnonymousID) + len(u.DeviceID) + len(u.NewUserID) + len(u.IdentityID) + footprint(u.Traits)
	return &liveUpdate{update: u, size: size, hints: sync.OnceValue(func() []hints.Hint { return hints.OfUpdate(u) })}
}

func showIdentity(i *altertabletest.Identity, ignored *hints.Ignored) shownIdentity {
	row := shownIdentity{
		Environment:  i.Environment,
		DistinctID:   clipped(i.DistinctID),
		Traits:       traitsText(i.Traits),
		AnonymousIDs: clippedAll(i.AnonymousIDs, listedIDs),
		Aliases:      clippedAll(i.Aliases, listedIDs),
		Devices:      len(i.DeviceIDs),
		UpdatedAt:    stamp(i.UpdatedAt),
		CreatedAt:    stamp(i.CreatedAt),
		Hints:        hints.OfIdentity(i, ignored),
	}
	row.More = len(i.AnonymousIDs) + len(i.Aliases) - len(row.AnonymousIDs) - len(row.Aliases)
	return row
}
