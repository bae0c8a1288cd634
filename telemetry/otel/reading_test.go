package otel

import (
	"reflect"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/altertable-ai/altertable-go"
)

// totals are the sums of other numbers, which are reported instead.
var totals = []string{"Rejected", "FailedRequests"}

// distinct sets each whole number of s, a pointer to a struct, to one of its own.
func distinct(s any) map[string]int64 {
	numbers := map[string]int64{}
	v := reflect.ValueOf(s).Elem()
	for i := range v.NumField() {
		name, field := v.Type().Field(i).Name, v.Field(i)
		if field.Type() == reflect.TypeFor[int64]() && !slices.Contains(totals, name) {
			numbers[name] = int64(1) << i
			field.SetInt(numbers[name])
		}
	}
	return numbers
}

// A number that is added to Stats or Limits later is missed here.
func TestEveryNumberIsSummedAndReported(t *testing.T) {
	var stats altertable.Stats
	var limits altertable.Limits
	wanted := map[int64]int{}
	for _, numbers := range []map[string]int64{distinct(&stats), distinct(&limits)} {
		for _, n := range numbers {
			wanted[2*n]++
		}
	}
	r := &reading{}
	for range 2 {
		r.addMessages(&stats)
		r.addRequests(&stats)
		r.addGauges(&stats, &limits)
	}
	got := map[int64]int{}
	for _, row := range table {
		for _, p := range row.parts {
			got[p.value(r)]++
		}
	}
	assert.Equal(t, wanted, got)
}
