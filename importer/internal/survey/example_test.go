package survey

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/altertable-ai/altertable-go/importer/internal/record"
	"github.com/altertable-ai/altertable-go/importer/internal/stage"
)

func TestExamplesWithValues(t *testing.T) {
	const made = `{"environment":"production","event":"e","distinct_id":"u_1","timestamp":"31.11.2025","properties":{"$event_id":"1018060c","n":"1","plan":"pro","$lib":"altertable-import","$lib_version":"0.2.0","$ip":0}}`
	for name, test := range map[string]struct{ message, want string }{
		"columns":           {made, `event: "e", distinct_id: "u_1", timestamp: "31.11.2025", n: "1", plan: "pro"`},
		"another place":     {strings.Replace(made, "production", "staging", 1), `environment: "staging", event: "e"`},
		"its own lib":       {`{"properties":{"$lib":"web","$ip":0,"$event_id":"x"}}`, `$lib: "web", $ip: 0, $event_id: "x"`},
		"traits":            {`{"distinct_id":["x"],"traits":{"plan":{"a":[1]}}}`, `distinct_id: ["x"], plan: {"a":[1]}`},
		"spaces":            {` { "event" : {"a": 1} , "properties" : [ "x" ] } `, `event: {"a": 1}, properties: [ "x" ]`},
		"torn":              {`"e,u_1\u0007,\"x\ty"`, `e,u_1·,"x·y`},
		"torn, a number":    {`[1,2]`, `[1,2]`},
		"no JSON":           {`{"torn`, ``},
		"nothing":           {``, ``},
		"null":              {`null`, `null`},
		"long text":         {`"` + strings.Repeat("x", 10_000) + `"`, strings.Repeat("x", 50)},
		"long escapes":      {`"` + strings.Repeat(`\u00e9`, 10_000) + `"`, strings.Repeat("é", 50)},
		"long first value":  {`{"event":"` + strings.Repeat("x", 10_000) + `","distinct_id":"u_1"}`, `event: "` + strings.Repeat("x", 40)},
		"long second value": {`{"event":"e","properties":{"a":1,"b":"` + strings.Repeat("x", 10_000) + `"}}`, `event: "e", a: 1, b: "xxxx`},
	} {
		t.Run(name, func(t *testing.T) {
			v := newSurvey(&stage.Stage{})
			v.usual = []byte("production")
			row := record.Row{Number: 17, Endpoint: record.Track, At: record.NoTime, Reason: "timestamp cannot be read", Message: []byte(test.message)}
			v.add(&row)
			assert.Contains(t, printed(t, v, 100, true), "timestamp cannot be read\n            row 17:"+strings.TrimRight(" "+test.want, " "))
			assert.NotContains(t, printed(t, v, 40, true), "\n\n\n")
			assert.Contains(t, printed(t, v, 100, false), "timestamp cannot be read\n            row 17\n", "no value without -show-values")
		})
	}
}

func TestTenExamplesWithValues(t *testing.T) {
	v := newSurvey(&stage.Stage{})
	for n := int64(50); n > 0; n-- {
		row := refused(n, "no timestamp")
		row.File = "a.csv"
		v.add(&row)
	}
	text := printed(t, v, 80, true)
	assert.Contains(t, text, "no timestamp\n            row 1 of a.csv: torn hunter2\n            row 2 of a.csv: torn hunter2\n")
	assert.Contains(t, text, "row 10 of a.csv: torn hunter2\n            and 40 more\n")
	assert.NotContains(t, text, "row 11")
	assert.NotContains(t, printed(t, v, 80, false), "hunter2")
}

// TestExamplesAreBounded has refused rows that are large.
func TestExamplesAreBounded(t *testing.T) {
	v := newSurvey(&stage.Stage{})
	row := refused(1, "larger than 2 MiB")
	row.Message = []byte(`{"event":"` + strings.Repeat("x", 3<<20) + `"}`)
	v.add(&row)
	assert.LessOrEqual(t, cap(v.reasons[0].rows[0].message), 2*mostExample)
}
