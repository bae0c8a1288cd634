package altertabletest_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/altertabletest"
)

type plan string

type address struct {
	City string `json:"city"`
	Zip  *int   `json:"zip"`
}

func TestRequireEventComparesWhatIsSent(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 6000, time.FixedZone("", 3600))
	zip := 20095
	sent := altertable.Properties{
		"int": 5, "float": 0.1, "float32": float32(0.1), "snowflake": int64(9007199254740993), "huge": json.Number("12345678901234567890"), "round": uint64(1e19),
		"nothing": nil, "at": at, "plan": plan("pro"), "address": address{"Hamburg", &zip}, "list": []any{1, "a", map[string]any{"n": 2}},
		"bytes": []byte("abc"), "wait": time.Minute, "yes": true, "raw": json.RawMessage(`{"a":[1.0]}`), "text": "<ä>\xff", "zero": 0.0,
	}
	client, srv := altertabletest.New(t)
	track(t, client, altertable.Track{Event: "order_placed", DistinctID: "u_42", Properties: sent})
	srv.RequireEvent(t, altertabletest.Want{Properties: sent})

	type property = altertable.Properties
	for _, want := range []property{
		{"int": 5.0}, {"int": json.Number("5")}, {"int": json.Number("0.5e1")}, {"int": uint8(5)}, {"int": json.RawMessage("5.0")},
		{"float": json.Number("0.10")}, {"float": json.Number("0.1000000000000000055511151231257827")}, {"float32": 0.1}, {"float": float32(0.1)},
		{"snowflake": json.Number("9007199254740993")}, {"snowflake": uint64(9007199254740993)},
		{"huge": uint64(12345678901234567890)}, {"round": 1e19}, {"round": json.Number("0.1e20")},
		{"nothing": nil}, {"nothing": (*int)(nil)}, {"at": at}, {"at": "2026-01-02T03:04:05.000006+01:00"}, {"plan": "pro"},
		{"address": map[string]any{"zip": 20095.0, "city": "Hamburg"}}, {"list": []any{1.0, "a", map[string]int{"n": 2}}},
		{"bytes": "YWJj"}, {"wait": int64(60_000_000_000)}, {"yes": true}, {"raw": map[string]any{"a": []int{1}}}, {"text": "<ä>\ufffd"}, {"zero": json.Number("-0")},
		{},
	} {
		t.Run(fmt.Sprint(want), func(t *testing.T) {
			srv.RequireEvent(t, altertabletest.Want{Properties: want})
		})
	}
	for text, want := range map[string]property{
		`properties["int"] is 5, want "5"`:                                        {"int": "5"},
		`properties["int"] is 5, want 5.5`:                                        {"int": 5.5},
		`properties["int"] is 5, want null`:                                       {"int": nil},
		`properties["int"] is 5, want -5`:                                         {"int": -5},
		`properties["nothing"] is null, want 0`:                                   {"nothing": 0},
		`properties["missing"] is missing, want null`:                             {"missing": nil},
		`properties["snowflake"] is 9007199254740993, want 9007199254740992`:      {"snowflake": int64(9007199254740992)},
		`properties["huge"] is 12345678901234567890, want 12345678901234567891`:   {"huge": uint64(12345678901234567891)},
		`properties["huge"] is 12345678901234567890, want 123456789012345678900`:  {"huge": json.Number("123456789012345678900")},
		`properties["huge"] is 12345678901234567890, want -12345678901234567890`:  {"huge": json.Number("-12345678901234567890")},
		`properties["address"]["city"] is "Hamburg", want "Kiel"`:                 {"address": address{"Kiel", &zip}},
		`properties["address"]["zip"] is 20095, want none`:                        {"address": map[string]any{"city": "Hamburg"}},
		`properties["address"]["street"] is missing, want "x"`:                    {"address": map[string]any{"city": "Hamburg", "zip": 20095, "street": "x"}},
		`properties["list"][2]["n"] is 2, want 3`:                                 {"list": []any{1, "a", map[string]any{"n": 3}}},
		`properties["list"] is [1,"a",{"n":2}], want [1]`:                         {"list": []int{1}},
		`properties["list"] is [1,"a",{"n":2}], want {"n":2}`:                     {"list": map[string]any{"n": 2}},
		`properties["yes"] is true, want "true"`:                                  {"yes": "true"},
		`properties["text"] is "<ä>` + "\ufffd" + `", want [null]`:                {"text": []any{nil}},
		`altertabletest: Want.Properties["c"] `:                                   {"c": make(chan int)},
		`altertabletest: Want.Properties["deep"] `:                                {"deep": json.RawMessage(strings.Repeat("[", 500) + strings.Repeat("]", 500))},
		`altertabletest: Want.Properties["n"] holds a number beyond the range of`: {"n": json.Number("1e400")},
	} {
		t.Run(text, func(t *testing.T) {
			assert.Contains(t, failure(t, func(t testing.TB) { srv.RequireEvent(t, altertabletest.Want{Properties: want}) }), text)
		})
	}
	assert.Contains(t, failure(t, func(t testing.TB) {
		srv.RequireNoEvent(t, altertabletest.Want{IdentityTraits: altertable.Traits{"f": func() {}}})
	}), `altertabletest: Want.IdentityTraits["f"] `)
}
