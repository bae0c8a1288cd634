package altertabletest_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/altertable-ai/altertable-go/altertabletest"
)

// What encoding/json takes and the API's parser does not.
func TestStrictParser(t *testing.T) {
	with := func(property string) string {
		return strings.Replace(validTrack, `"properties":{}`, `"properties":{"p":`+property+`}`, 1)
	}
	deep := func(levels int) string { return strings.Repeat("[", levels) + strings.Repeat("]", levels) }
	twice := func(body, field string) string { return strings.Replace(body, "{", "{"+field+",", 1) }
	for name, tt := range map[string]struct {
		path, body string
		status     int
		answer     string
	}{
		"high half":                {"/track", with(`"\ud800"`), 400, "not valid JSON"},
		"low half":                 {"/track", with(`"\uDC00"`), 400, "not valid JSON"},
		"two high halves":          {"/track", with(`"\ud800\ud800\udc00"`), 400, "not valid JSON"},
		"half before an escape":    {"/track", with(`"\ud800\n"`), 400, "not valid JSON"},
		"half before a character":  {"/track", with(`"\ud800\u0041"`), 400, "not valid JSON"},
		"half in a name":           {"/track", with(`{"\ud800":1}`), 400, "not valid JSON"},
		"half in an unknown field": {"/track", twice(validTrack, `"x":"\udfff"`), 400, "not valid JSON"},
		"pair":                     {"/track", with(`"\ud83d\uDE00 \"\\ud800\\\" \u0041"`), 200, ""},
		"number":                   {"/track", with(`1e400`), 400, "not valid JSON"},
		"negative number":          {"/track", with(`[-1E+400]`), 400, "not valid JSON"},
		"long number":              {"/track", with(strings.Repeat("9", 310)), 400, "not valid JSON"},
		"large numbers":            {"/track", with(`[1.7e308,1e-400,12345678901234567890,-0,"1e400"]`), 200, ""},
		"128 levels":               {"/track", with(deep(126)), 200, ""},
		"129 levels":               {"/track", with(deep(127)), 400, "not valid JSON"},
		"128 levels of an array":   {"/track", "[" + with(deep(125)) + "]", 200, ""},
		"129 levels of an array":   {"/track", "[" + with(deep(126)) + "]", 400, "not valid JSON"},
		"levels in a string":       {"/track", with(`"` + strings.Repeat("[", 1000) + `"`), 200, ""},
		"wide":                     {"/track", with("[" + strings.Repeat("[],", 1000) + "{}]"), 200, ""},
		"field twice":              {"/track", twice(validTrack, `"event":"e"`), 422, `message 0: field "event" is there twice`},
		"field twice, escaped":     {"/track", twice(validTrack, `"\u0065vent" : "e"`), 422, `field "event" is there twice`},
		"twice in the second":      {"/track", "[" + validTrack + "," + twice(validTrack, `"properties":{}`) + "]", 422, `message 1: field "properties"`},
		"twice and not JSON":       {"/track", twice(validTrack, `"event":"e","x":1e400`), 400, "not valid JSON"},
		"traits twice":             {"/identify", twice(validIdentify, `"traits":{}`), 422, `field "traits" is there twice`},
		"new_user_id twice":        {"/alias", twice(validAlias, `"new_user_id":"x"`), 422, `field "new_user_id" is there twice`},
		"unknown field twice":      {"/track", twice(validTrack, `"traits":1,"traits":2`), 200, ""},
		"property twice":           {"/track", with(`1,"p":2,"event":1,"event":2`), 200, ""},
		"one in each":              {"/track", "[" + validTrack + "," + validTrack + "]", 200, ""},
		"value like a field":       {"/track", strings.Replace(validTrack, "u1", "event", 1), 200, ""},
		"strings in an array":      {"/track", `["event","event"]`, 422, "not an object"},

		"session":            {"/track", twice(validTrack, `"session_id":"session-1"`), 200, ""},
		"no session":         {"/track", twice(validTrack, `"session_id":null`), 200, ""},
		"session of no type": {"/track", twice(validTrack, `"session_id":7`), 422, `field "session_id" is not a string`},
		"identify's session": {"/identify", twice(validIdentify, `"session_id":7`), 200, ""},
		"device of no type":  {"/track", twice(validTrack, `"device_id":7`), 422, `field "device_id" is not a string`},
		"identify's device":  {"/identify", twice(validIdentify, `"device_id":7`), 200, ""},
	} {
		t.Run(name, func(t *testing.T) {
			srv := altertabletest.NewServer(altertabletest.WithoutListener())
			defer srv.Close()
			c := caller{t, srv.HTTPClient(), srv.URL}
			status, answer := c.post(tt.path, tt.body)
			assert.Equal(t, tt.status, status, answer)
			assert.Contains(t, answer, tt.answer)
		})
	}
}

func TestIdentifyWithADeviceOfNoType(t *testing.T) {
	srv := altertabletest.NewServer(altertabletest.WithoutListener())
	defer srv.Close()
	c := caller{t, srv.HTTPClient(), srv.URL}
	c.post("/identify", `[{"environment":"production","distinct_id":"u1","device_id":7},{"environment":"production","distinct_id":"u1","device_id":"device-1"}]`)
	assert.Equal(t, []string{"device-1"}, srv.Identities()[0].DeviceIDs)
}

// Whatever comes, the server answers, and takes no more than encoding/json does.
func FuzzBody(f *testing.F) {
	srv := altertabletest.NewServer(altertabletest.WithoutListener(), altertabletest.WithHistory(10))
	f.Cleanup(srv.Close)
	f.Fuzz(func(t *testing.T, endpoint, body string) {
		for _, e := range []string{"track", "identify", "alias"} {
			if e != endpoint {
				continue
			}
			status, answer := caller{t, srv.HTTPClient(), srv.URL}.post("/"+e, body)
			switch status {
			case 200, 422:
				assert.True(t, json.Valid([]byte(body)), answer)
			case 400:
			default:
				t.Errorf("answered %d", status)
			}
		}
	})
}
