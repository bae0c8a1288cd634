package server

import (
	"time"

	"github.com/altertable-ai/altertable-go/altertabletest"
)

// What a batch consists of, as it is between the parent and the engine.

// An identityKey is an environment and an id in it.
type identityKey struct{ environment, id string }

// An eventRow is an event as it was sent, its properties encoded.
type eventRow struct {
	environment, event, distinctID, anonymousID, deviceID, sessionID string
	properties                                                       string
	timestamp, receivedAt                                            time.Time
}

func (p *packer) event(e *altertabletest.Event) {
	for _, s := range [...]string{e.Environment, e.Event, e.DistinctID, e.AnonymousID, e.DeviceID, e.SessionID} {
		p.text(s)
	}
	p.text(jsonText(e.Properties))
	p.instant(e.Timestamp)
	p.instant(e.ReceivedAt)
}

func (u *unpacker) event() eventRow {
	return eventRow{u.text(), u.text(), u.text(), u.text(), u.text(), u.text(), u.text(), u.instant(), u.instant()}
}

// An identityRow is an identity with its traits encoded.
type identityRow struct {
	altertabletest.Identity
	traits string
}

func (p *packer) identity(i identityRow) {
	p.text(i.Environment)
	p.text(i.DistinctID)
	p.text(i.traits)
	p.texts(i.AnonymousIDs)
	p.texts(i.Aliases)
	p.texts(i.DeviceIDs)
	p.instant(i.CreatedAt)
	p.instant(i.UpdatedAt)
}

func (u *unpacker) identity() (i identityRow) {
	i.Environment, i.DistinctID, i.traits = u.text(), u.text(), u.text()
	i.AnonymousIDs, i.Aliases, i.DeviceIDs = u.texts(), u.texts(), u.texts()
	i.CreatedAt, i.UpdatedAt = u.instant(), u.instant()
	return i
}

// An idRow names the owner of an id: of one that was perhaps not seen before, or
// of all ids of an owner that has another name now.
type idRow struct {
	identityKey
	owner string
}

func (p *packer) ids(rows []idRow) {
	p.uint(uint64(len(rows)))
	for _, row := range rows {
		p.text(row.environment)
		p.text(row.id)
		p.text(row.owner)
	}
}

func (u *unpacker) ids() []idRow {
	rows := make([]idRow, u.count())
	for i := range rows {
		rows[i] = idRow{identityKey{u.text(), u.text()}, u.text()}
	}
	return rows
}

// A batch is what one transaction stores. Its parts are encoded, so that the
// engine gets them again as they are after a crash.
type batch struct {
	reset   bool // what is stored already is forgotten first
	count   int  // of events
	events  []byte
	changes []byte // of identities
}

func (b batch) frame() [][]byte {
	var head packer
	head.bool(b.reset)
	head.uint(uint64(b.count))
	return [][]byte{head.data, b.events, b.changes}
}

// changes are what happened to identities.
type changes struct {
	identities []identityRow // as they are now
	formers    []idRow       // identities that are others now, by which theirs are known
	ids        []idRow       // in the order first seen
}

func (c changes) pack() []byte {
	var p packer
	p.uint(uint64(len(c.identities)))
	for _, identity := range c.identities {
		p.identity(identity)
	}
	p.ids(c.formers)
	p.ids(c.ids)
	return p.data
}

func (u *unpacker) changes() (c changes) {
	c.identities = make([]identityRow, u.count())
	for i := range c.identities {
		c.identities[i] = u.identity()
	}
	c.formers, c.ids = u.ids(), u.ids()
	return c
}
