package source

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestJSON(t *testing.T) {
	long := `{"a":"` + strings.Repeat("x", maxLine) + `"}`
	for name, c := range map[string]struct {
		file, text string
		rows       []string
		torn       []string
	}{
		"lines":             {"a.ndjson", "{\"a\": 1.50}\n{\"b\":\"2026-01-02\"}\n", []string{`1|{"a": 1.50}`, `2|{"b":"2026-01-02"}`}, nil},
		"lines by content":  {"a.log", "{\"a\":1}\n{\"a\":2}", []string{`1|{"a":1}`, `2|{"a":2}`}, nil},
		"one line":          {"a.json", "{\"a\":1}\n", []string{`1|{"a":1}`}, nil},
		"lines, .json":      {"a.json", "{\"a\":1}\n{\"a\":2}\n", []string{`1|{"a":1}`, `2|{"a":2}`}, nil},
		"blank lines":       {"a.jsonl", "\n{\"a\":1}\n\n  \n{\"a\":2}\r\n\r\n{\"a\":3}", []string{`2|{"a":1}`, `5|{"a":2}`, `7|{"a":3}`}, nil},
		"byte order mark":   {"a.jsonl", "\ufeff{\"a\":1}\n", []string{`1|{"a":1}`}, nil},
		"UTF-16":            {"a.jsonl", "\xff\xfe{\x00}\x00\n\x00", []string{`1|{}`}, nil},
		"not JSON stays":    {"a.jsonl", "{\"a\":1}\n{torn\n[1]\n", []string{`1|{"a":1}`, `2|{torn`, `3|[1]`}, nil},
		"no UTF-8":          {"a.jsonl", "{\"a\":1}\n{\"a\":\"\xff\"}\n{}\n", []string{`1|{"a":1}`, `3|{}`}, []string{"2||{\"a\":\"\ufffd\"}|" + tornEncoding}},
		"controls":          {"a.jsonl", "{\"a\":\"\x01\"}\n{\"a\":\"\x00\"}\n{}\n", []string{`3|{}`}, []string{"1||{\"a\":\"\x01\"}|" + tornControl, "2||{\"a\":\"\ufffd\"}|" + tornControl}},
		"a carriage return": {"a.jsonl", "{\"a\":\r1}\n{}\n", []string{`1|{"a": 1}`, `2|{}`}, nil},
		"a long line":       {"a.jsonl", "{}\n" + long + "\n{}\n", []string{`1|{}`, `3|{}`}, []string{"2||" + long[:keptOfLong] + "|" + tornLong}},
		"an array":          {"a.json", " [ {\"a\": [1, {\"]\": \"\\\"}\"}]},\n{\"b\":\n2} , 3,\"x\", null ]\n", []string{`1|{"a": [1, {"]": "\"}"}]}`, `2|{"b": 2}`, `3|3`, `4|"x"`, `5|null`}, nil},
		"one object":        {"a.json", "{\n \"a\": 1\n}\n", []string{`1|{  "a": 1 }`}, nil},
		"pretty printed":    {"a.json", "{\n \"a\": 1\n}\n{\n}{\"b\":2}\n", []string{`1|{  "a": 1 }`, `2|{ }`, `3|{"b":2}`}, nil},
		"long in an array":  {"a.json", "[{}," + long + ",{\"b\":1}]", []string{`1|{}`, `3|{"b":1}`}, []string{"2||" + long[:keptOfLong] + "|" + tornLong}},
	} {
		t.Run(name, func(t *testing.T) {
			s, db := load1(t, Spec{Paths: []string{file1(t, c.file, c.text)}})
			assert.True(t, s.JSON)
			assert.False(t, s.Raw)
			assert.False(t, s.Text)
			assert.Equal(t, "_row,_json", columnsOf(t, db))
			assert.Equal(t, c.rows, rows(t, db, "FROM source ORDER BY _row"))
			if c.torn == nil {
				c.torn = []string{}
			}
			assert.Equal(t, c.torn, rows(t, db, "SELECT row, coalesce(file, ''), line, reason FROM torn ORDER BY row"))
		})
	}
}

func TestJSONRaw(t *testing.T) {
	for text, raw := range map[string]bool{
		`{"endpoint":"track","message":{"event":"a"},"reason":"x","row":1}` + "\n": true,
		`{"row":1,"message":"torn","endpoint":""}` + "\n":                          true,
		`{"endpoint":"track","message":5}` + "\n":                                  false,
		`{"endpoint":5,"message":{}}` + "\n":                                       false,
		`{"a":{"endpoint":"track","message":{}}}` + "\n":                           false,
		`[{"endpoint":"track","message":{}}]`:                                      true,
		`{"endpoint":"track"`:                                                      false,
	} {
		s, err := Find(Spec{Paths: []string{file1(t, "a.json", text)}})
		assert.NoError(t, err)
		assert.Equal(t, raw, s.Raw, text)
	}
}

func TestJSONSeveralFiles(t *testing.T) {
	dir := files(t, "1.ndjson", "{\"a\":1}\n\xff\n", "2.ndjson", "\n{\"a\":2}\n", "1.ndjson.import-state", "{}", "1.ndjson.rejects.ndjson", "{}", ".hidden", "x")
	_, db := load1(t, Spec{Paths: []string{filepath.Join(dir, "*")}, Ours: []string{".import-state", ".rejects.ndjson"}})
	assert.Equal(t, []string{`1|1.ndjson|{"a":1}`, `2|2.ndjson|{"a":2}`}, rows(t, db, "FROM source"))
	assert.Equal(t, []string{"2|1.ndjson|\ufffd|" + tornEncoding}, rows(t, db, "FROM torn"))
}

func TestJSONRefused(t *testing.T) {
	for name, c := range map[string]struct{ file, text, want string }{
		"empty":              {"a.json", "", "is empty"},
		"white space":        {"a.ndjson", " \n \n", "nothing but white space"},
		"an empty array":     {"a.json", "[]", "has no rows"},
		"a cut array":        {"a.json", `[{"a":1},{"b"`, "value 2 has no end"},
		"an array without ]": {"a.json", `[{"a":1}`, "its array has no end"},
		"two arrays":         {"a.json", `[{"a":1}][]`, "text follows its array"},
		"a bracket too many": {"a.json", "{\n}}", "opens nowhere"},
		"a cut gzip file":    {"a.json", gzipped(t, "["+strings.Repeat(`{"a":1},`, 100)+"{}]")[:30], "cut off"},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Contains(t, failure(t, Spec{Paths: []string{file1(t, c.file, c.text)}}), c.want)
		})
	}
}
