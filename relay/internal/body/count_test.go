package body

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestCount(t *testing.T) {
	for text, want := range map[string]int{
		``:                               0,
		` `:                              0,
		`[]`:                             0,
		` [ ] `:                          0,
		`{"event":"a"}`:                  1,
		` {"p":{"q":[{},{}]}}`:           1,
		`{`:                              1,
		`[{"event":"a"}]`:                1,
		` [ {"event":"a"} , { } ] `:      2,
		`[{"p":[{},{}]},{"q":{}}]`:       2,
		`[{"p":"}],{[\"\\"},{}]`:         2,
		`[1,"{",[{}],{},null]`:           1,
		`[{},{"p":`:                      1,
		`[{},`:                           1,
		`[`:                              0,
		`]]]{`:                           0,
		`"`:                              0,
		`"\`:                             0,
		`[{},{"p":"` + "\xff" + `"},{}]`: 1,
		`[` + strings.Repeat(`{},`, 9_999) + `{}]`: 10_000,
		`[{},` + strings.Repeat(`[`, 9_999):        1,
	} {
		assert.Equal(t, want, Count([]byte(text)), "%.40q", text)
	}
}
