package otel

import (
	"reflect"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
)

// totals are the sums of other numbers, which are reported instead.
var totals = []string{"Rejected", "FailedRequests"}

// A number that is added to Stats or Limits later is missed here.
func TestEveryNumberIsSummedAndReported(t *testing.T) {
	var s snapshot
	wanted := map[int64]bool{}
	for _, of := range []any{&s.Stats, &s.Limits} {
		v := reflect.ValueOf(of).Elem()
		for i := range v.NumField() {
			if name, field := v.Type().Field(i).Name, v.Field(i); field.Type() == reflect.TypeFor[int64]() && !slices.Contains(totals, name) {
				field.SetInt(int64(1) << len(wanted))
				wanted[2*field.Int()] = true
			}
		}
	}
	got := map[int64]bool{}
	for _, f := range families {
		for _, p := range f.parts {
			if f.of != largest && f.of != smallest {
				got[f.of.join(p.number, []snapshot{s, s})] = true
			}
		}
	}
	assert.Equal(t, wanted, got)
}
