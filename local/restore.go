package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/duckdb/duckdb-go/v2"

	"github.com/altertable-ai/altertable-go/altertabletest"
)

// identities returns what the file knows, in the order in which the identities
// came to be.
func (d *database) identities() ([]altertabletest.Identity, error) {
	rows, err := d.sql.QueryContext(context.Background(), `
		SELECT p.environment, p.distinct_id, p.traits::VARCHAR, p.anonymous_ids, p.aliases, p.device_ids,
			p.created_at, p.updated_at, p.created_nanos, p.updated_nanos
		FROM altertable.store.identities p
		JOIN (SELECT environment, distinct_id, min(seq) AS seq FROM altertable.store.ids GROUP BY ALL) i
			ON p.environment = i.environment AND p.distinct_id = i.distinct_id
		ORDER BY i.seq`)
	if err != nil {
		return nil, fmt.Errorf("identities cannot be read: %w", err)
	}
	defer func() { _ = rows.Close() }()
	var identities []altertabletest.Identity
	for rows.Next() {
		identity, err := scanIdentity(rows)
		if err != nil {
			return nil, fmt.Errorf("an identity cannot be read: %w", err)
		}
		identities = append(identities, identity)
	}
	return identities, rows.Err()
}

// newest returns the number of events and the newest n, oldest first.
func (d *database) newest(n int) (stored int64, events []altertabletest.Event, err error) {
	ctx := context.Background()
	if err := d.sql.QueryRowContext(ctx, `SELECT count(*) FROM altertable.store.events`).Scan(&stored); err != nil {
		return 0, nil, fmt.Errorf("events cannot be read: %w", err)
	}
	rows, err := d.sql.QueryContext(ctx, `
		SELECT environment, event, distinct_id, properties::VARCHAR, "timestamp", identity_id, identity_traits::VARCHAR
		FROM altertable.analytics.events ORDER BY received_at DESC LIMIT ?`, n)
	if err != nil {
		return 0, nil, fmt.Errorf("events cannot be read: %w", err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var (
			e          altertabletest.Event
			properties string
			traits     sql.NullString
		)
		if err := rows.Scan(&e.Environment, &e.Event, &e.DistinctID, &properties, &e.Timestamp, &e.IdentityID, &traits); err != nil {
			return 0, nil, fmt.Errorf("an event cannot be read: %w", err)
		}
		if e.Properties, err = decodeObject(properties); err == nil && traits.Valid {
			e.IdentityTraits, err = decodeObject(traits.String)
		}
		if err != nil {
			return 0, nil, fmt.Errorf("an event cannot be read: %w", err)
		}
		events = append(events, e)
	}
	slices.Reverse(events)
	return stored, events, rows.Err()
}

// nanos is what of a timestamp the database's microseconds leave out.
func nanos(t time.Time) int16 { return int16(t.Nanosecond() % 1000) }

func scanIdentity(rows *sql.Rows) (altertabletest.Identity, error) {
	var (
		identity                    altertabletest.Identity
		traits                      string
		anonymous, aliases, devices duckdb.Composite[[]string]
		created, updated            sql.NullTime
		createdNanos, updatedNanos  int16
	)
	err := rows.Scan(&identity.Environment, &identity.DistinctID, &traits, &anonymous, &aliases, &devices,
		&created, &updated, &createdNanos, &updatedNanos)
	if err != nil {
		return identity, err
	}
	if identity.Traits, err = decodeObject(traits); err != nil {
		return identity, err
	}
	identity.AnonymousIDs, identity.Aliases, identity.DeviceIDs = anonymous.Get(), aliases.Get(), devices.Get()
	identity.CreatedAt = created.Time.Add(time.Duration(createdNanos))
	identity.UpdatedAt = updated.Time.Add(time.Duration(updatedNanos))
	return identity, nil
}

// decodeObject decodes a JSON object, its numbers as the API's server does.
func decodeObject(text string) (map[string]any, error) {
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	var object map[string]any
	err := decoder.Decode(&object)
	return object, err
}
