package server

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/duckdb/duckdb-go/v2"
)

// partBytes is about how large a part of a long answer is.
const partBytes = 1 << 20

// identities sends what the file knows, in the order in which the identities
// came to be.
func (s *store) identities(send func(packer)) error {
	rows, err := s.sql.QueryContext(context.Background(), `
		SELECT p.environment, p.distinct_id, p.traits::VARCHAR, p.anonymous_ids, p.aliases, p.device_ids,
			p.created_at, p.updated_at, p.created_nanos, p.updated_nanos
		FROM altertable.store.identities p
		JOIN (SELECT environment, distinct_id, min(seq) AS seq FROM altertable.store.ids GROUP BY ALL) i
			ON p.environment = i.environment AND p.distinct_id = i.distinct_id
		ORDER BY i.seq`)
	if err != nil {
		return fmt.Errorf("identities cannot be read: %w", err)
	}
	defer func() { _ = rows.Close() }()
	var part packer
	for rows.Next() {
		identity, err := scanIdentity(rows)
		if err != nil {
			return fmt.Errorf("an identity cannot be read: %w", err)
		}
		part.identity(identity)
		if len(part.data) > partBytes {
			send(part)
			part = packer{}
		}
	}
	send(part)
	return rows.Err()
}

// newest returns the number of events and the newest n, oldest first, but not
// more of large ones than the console keeps, each with its identity's id.
func (s *store) newest(n int) (found packer, err error) {
	ctx := context.Background()
	var stored int64
	if err := s.sql.QueryRowContext(ctx, `SELECT count(*) FROM altertable.store.events`).Scan(&stored); err != nil {
		return found, fmt.Errorf("events cannot be read: %w", err)
	}
	found.uint(uint64(stored))
	rows, err := s.sql.QueryContext(ctx, `
		SELECT e.environment, e.event, e.distinct_id, e.anonymous_id, e.device_id, e.session_id, e.properties::VARCHAR,
			e."timestamp", e.received_at, p.distinct_id
		FROM (
			SELECT *, sum(strlen(properties::VARCHAR) + strlen(event) + coalesce(strlen(distinct_id), 0)) OVER (ORDER BY n DESC) AS size
			FROM (SELECT *, rowid AS n FROM altertable.store.events ORDER BY rowid DESC LIMIT ?)) e`+joinIdentities+`
		WHERE e.size <= ? ORDER BY e.n`, n, keepBytes)
	if err != nil {
		return found, fmt.Errorf("events cannot be read: %w", err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var (
			environment, event, properties                         string
			distinctID, anonymousID, deviceID, sessionID, identity sql.NullString
			timestamp, receivedAt                                  sql.NullTime
		)
		if err := rows.Scan(&environment, &event, &distinctID, &anonymousID, &deviceID, &sessionID, &properties,
			&timestamp, &receivedAt, &identity); err != nil {
			return found, fmt.Errorf("an event cannot be read: %w", err)
		}
		found.bool(true)
		for _, text := range []string{environment, event, distinctID.String, anonymousID.String, deviceID.String, sessionID.String, properties} {
			found.text(text)
		}
		found.instant(timestamp.Time)
		found.instant(receivedAt.Time)
		found.bool(identity.Valid)
		found.text(identity.String)
	}
	found.bool(false)
	return found, rows.Err()
}

// nanos is what of a timestamp the database's microseconds leave out.
func nanos(t time.Time) int16 { return int16(t.Nanosecond() % 1000) }

func scanIdentity(rows *sql.Rows) (i identityRow, err error) {
	var (
		anonymous, aliases, devices duckdb.Composite[[]string]
		created, updated            sql.NullTime
		createdNanos, updatedNanos  int16
	)
	err = rows.Scan(&i.Environment, &i.DistinctID, &i.traits, &anonymous, &aliases, &devices,
		&created, &updated, &createdNanos, &updatedNanos)
	if err != nil {
		return i, err
	}
	i.AnonymousIDs, i.Aliases, i.DeviceIDs = anonymous.Get(), aliases.Get(), devices.Get()
	i.CreatedAt = created.Time.Add(time.Duration(createdNanos))
	i.UpdatedAt = updated.Time.Add(time.Duration(updatedNanos))
	return i, nil
}
