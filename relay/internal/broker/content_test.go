package broker

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestContentOf(t *testing.T) {
	for data, want := range map[string]content{
		`{"event":"a"}`:                                   {joins: true, object: true, events: 1},
		` [ {"event":"a"} ] `:                             {joins: true, events: 1},
		`[{"environment":"p"},{"environment":"p"}]`:       {joins: true, events: 2, environment: `"p"`},
		`{"a":[{"environment":"x"}],"environment" : "p"}`: {joins: true, object: true, events: 1, environment: `"p"`},
		`{"a":"environment","b":{"environment":"x"}}`:     {joins: true, object: true, events: 1},
		`[{"a":"}],\"{"},{"b":[[]]}]`:                     {joins: true, events: 2},
		`[{"environment":"a\"b"}]`:                        {joins: true, events: 1, environment: `"a\"b"`},
	} {
		assert.Equal(t, want, contentOf([]byte(data)), data)
	}
	for _, data := range []string{
		``, ` `, `[`, `{`, `[]`, `[1]`, `null`, `"x"`, `[[{}]]`, `[{}`, `{}]`, `[{}][{}]`, `{}{}`, `[{"a":"]`, `[{"environment":1}]`,
		`[{"environment":"a","environment":"b"}]`, `[{"environ\u006dent":"a"}]`, `[{"environment"`, `[{"environment":"a`, `]`, `}{`,
	} {
		assert.False(t, contentOf([]byte(data)).joins, data)
	}
}
