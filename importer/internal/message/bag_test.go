package message_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/altertable-ai/altertable-go/importer/internal/message"
	"github.com/altertable-ai/altertable-go/importer/internal/record"
)

func TestProperties(t *testing.T) {
	for name, c := range map[string]struct {
		row  record.Row
		want string
	}{
		"none":                     {track(cell{"plan", nil}), `{}`},
		"empty text":               {track(cell{"properties", " "}), `{}`},
		"bytes are kept":           {track(cell{"properties", ` { "a" : 1.50e1 , "\u0062":"\u00e9\/" } `}), `{"a" : 1.50e1,"\u0062":"\u00e9\/"}`},
		"nulls inside":             {track(cell{"properties", `{"a":null}`}), `{"a":null}`},
		"members win":              {track(cell{"properties", `{"\u0061":1}`}, cell{"a", "2"}, cell{"b", "3"}), `{"\u0061":1,"b":"3"}`},
		"columns before members":   {track(cell{"_json", `{"a":1,"b":2,"c":3,"properties":{"b":5}}`}, cell{"c", "4"}), `{"b":5,"c":"4","a":1}`},
		"NULL column":              {track(cell{"_json", `{"c":3}`}, cell{"c", nil}), `{"c":3}`},
		"many":                     {track(cell{"properties", many(40, "x")}, cell{"_json", many(41, "y")}), strings.Replace(many(40, "x"), "}", `,"m40":"y"}`, 1)},
		"text null":                {track(cell{"properties", "null"}), `{}`},
		"JSON null":                {track(cell{"json properties", "null"}), `{}`},
		"JSON text":                {track(cell{"json properties", `"{\"a\":1}"`}), `{"a":1}`},
		"JSON":                     {track(cell{"json properties", ` {"a":1} `}), `{"a":1}`},
		"JSON text of traits":      {row("identify", cell{"json distinct_id", `"u"`}, cell{"json traits", `null`}, cell{"json properties", `"{\"a\":1}"`}), `{"a":1}`},
		"map":                      {track(cell{"properties", ordered("a", int64(1), "b", nil)}, cell{"a", "2"}), `{"a":1,"b":null}`},
		"text in JSON":             {track(cell{"_json", `{"properties":"{\"a\":1}"}`}), `{"a":1}`},
		"empty text in JSON":       {track(cell{"_json", `{"properties":"","a":1}`}), `{"a":1}`},
		"escaped space in JSON":    {track(cell{"_json", `{"properties":"\u0020\n","a":1}`}), `{"a":1}`},
		"null in JSON":             {track(cell{"_json", `{"properties":null,"a":1}`}), `{"a":1}`},
		"traits of a track":        {track(cell{"traits", `{"a":1}`}), `{"traits":{"a":1}}`},
		"no traits of a track":     {track(cell{"traits", ""}, cell{"_json", `{"properties":null,"a":1}`}), `{"a":1}`},
		"no traits in JSON":        {track(cell{"_json", `{"traits":null,"a":null}`}), `{"a":null}`},
		"traits that are a text":   {track(cell{"traits", `gold`}), `{"traits":"gold"}`},
		"traits of a track, JSON":  {track(cell{"_json", `{"traits":{"a":1},"new_user_id":"x"}`}), `{"traits":{"a":1},"new_user_id":"x"}`},
		"properties of identify":   {row("identify", cell{"distinct_id", "u"}, cell{"properties", `{"a":1}`}), `{"a":1}`},
		"traits before properties": {row("identify", cell{"distinct_id", "u"}, cell{"properties", `{"a":1}`}, cell{"traits", `{"b":1}`}), `{"b":1,"properties":{"a":1}}`},
		"traits NULL":              {row("identify", cell{"distinct_id", "u"}, cell{"properties", `{"a":1}`}, cell{"traits", nil}), `{"a":1}`},
		"traits in JSON":           {row("identify", cell{"_json", `{"distinct_id":"u","traits":{"b":1},"properties":{"a":1}}`}), `{"b":1,"properties":{"a":1}}`},
		"own lib":                  {track(cell{"$lib", "web"}), `{"$lib":"web"}`},
		"own ip":                   {track(cell{"properties", `{"$ip":"192.0.2.1"}`}), `{"$ip":"192.0.2.1"}`},
		"JSON column":              {track(cell{"json a", `{"b": 12345678901234567890.10}`}), `{"a":{"b": 12345678901234567890.10}}`},
		"name is escaped":          {track(cell{"a\"\n", "x"}), `{"a\"\n":"x"}`},
	} {
		assert.Empty(t, c.row.Reason, name)
		assert.Equal(t, c.want, bag(t, c.row), name)
		assertValid(t, c.row.Message)
	}
}

func TestStructOfProperties(t *testing.T) {
	d := newDatabase(t)
	columns, rows := d.query("SELECT {'z': 1, 'none': NULL::INT, 'inner': {'none': NULL}} AS properties, 'x' AS none")
	columns[0].Role = message.Properties
	columns = append(columns, col("event", message.Event), col("distinct_id", message.DistinctID), col("timestamp", message.Timestamp))
	r := mapped(columns, message.Options{As: "track"}, append(rows[0], "e", "u", at)...)
	assert.Empty(t, r.Reason)
	assert.Equal(t, `{"z":1,"inner":{"none":null},"none":"x"}`, bag(t, r), "a STRUCT has all members in all rows")
}
