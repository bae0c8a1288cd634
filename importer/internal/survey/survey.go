// Package survey looks at all rows of a stage and sends nothing: the dry run.
//
//	survey             counts each row; these keep what is found:
//	calendar           events by day
//	people             ids, with spaces, and placeholder for words that are no id
//	environment        where messages would go
//	refusal, example   refused rows by reason, with some of them
//	choice             the rows that are shown as they would be sent
//	print, page        the text; hints has what to look at before sending,
//	                   calendar_print the days, and shown the rows
//	members, place     the members of a JSON object, and the number of a row
package survey

import (
	"context"
	"sync/atomic"

	"github.com/altertable-ai/altertable-go/importer/internal/record"
	"github.com/altertable-ai/altertable-go/importer/internal/stage"
)

const (
	exampleRows      = 10  // rows that are named for each reason
	mostReasons      = 100 // reasons that are told apart
	mostEnvironments = 100
	shownRows        = 5 // rows that are shown as they would be sent
)

// A Survey is what a dry run has found. Its memory is bounded, whatever the rows
// are.
type Survey struct {
	stage *stage.Stage
	usual []byte // environment of messages that name none

	Messages int64    // of the stage, the refused ones included
	Refused  int64    // of these
	Advice   []string // hints of the caller, which come first

	sent         map[string]int64  // messages that would be sent, by endpoint
	dated        int64             // identifies with a timestamp
	environments map[string]*int64 // messages that would be sent
	first, last  int64             // timestamps, or record.NoTime
	bytes        map[string]int64
	reasons      []*refusal
	byReason     map[string]*refusal
	calendar     calendar
	people       people
	choice       choice
}

// Make reads all rows, and counts them in read. The environment is that of rows
// that name none.
func Make(ctx context.Context, s *stage.Stage, environment string, read *atomic.Int64) (*Survey, error) {
	v := newSurvey(s)
	v.usual = []byte(environment)
	err := s.Read(ctx, 0, func(rows []record.Row) error {
		for i := range rows {
			v.add(&rows[i])
		}
		read.Add(int64(len(rows)))
		return nil
	})
	if err != nil {
		return nil, err
	}
	return v, nil
}

func newSurvey(s *stage.Stage) *Survey {
	return &Survey{
		stage:        s,
		sent:         map[string]int64{},
		environments: map[string]*int64{},
		first:        record.NoTime,
		last:         record.NoTime,
		bytes:        map[string]int64{},
		byReason:     map[string]*refusal{},
		people:       newPeople(),
	}
}

func (v *Survey) add(row *record.Row) {
	v.Messages++
	if row.Reason != "" {
		v.refuse(row)
		return
	}
	v.sent[row.Endpoint]++
	v.bytes[row.Endpoint] += int64(len(row.Message)) + 1
	v.environment(environment(row.Message))
	if row.At != record.NoTime {
		if v.first == record.NoTime || row.At < v.first {
			v.first = row.At
		}
		v.last = max(v.last, row.At)
		if row.Endpoint == record.Identify {
			v.dated++
		}
	}
	if row.Endpoint == record.Track {
		v.calendar.add(row.At, row.Event)
	}
	at := place{row.File, row.Number}
	v.people.add(row.Person, at)
	if row.Endpoint != record.Track {
		v.people.addLinked(row.Message, at)
	}
	v.choice.add(row)
}

// Rejected is how many rows are refused for each reason.
func (v *Survey) Rejected() map[string]int64 {
	counts := map[string]int64{}
	for _, r := range v.reasons {
		counts[r.reason] += r.count
	}
	return counts
}

// requests estimates how many requests the import takes.
func (v *Survey) requests() int64 {
	var sum int64
	for endpoint, n := range v.sent {
		sum += max((n+record.RequestMessages-1)/record.RequestMessages, (v.bytes[endpoint]+record.RequestBytes-1)/record.RequestBytes)
	}
	return sum
}
