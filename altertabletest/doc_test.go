package altertabletest_test

import (
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go/altertabletest"
)

// Each line of the tables of differences, and what shows it.
func TestDifferencesFromDocumentationAndMock(t *testing.T) {
	const event = `{"environment":"production","event":"e","distinct_id":"u","properties":{}}`
	type differs struct {
		steps  []step
		status int
		answer string
		check  func(t *testing.T, srv *altertabletest.Server)
	}
	owners := func(want ...string) func(*testing.T, *altertabletest.Server) {
		return func(t *testing.T, srv *altertabletest.Server) {
			var got []string
			for _, e := range srv.Events() {
				got = append(got, e.IdentityID)
			}
			assert.Equal(t, want, got)
		}
	}
	trait := func(want int) func(*testing.T, *altertabletest.Server) {
		return func(t *testing.T, srv *altertabletest.Server) {
			assert.EqualValues(t, want, srv.Identities()[0].Traits["a"])
		}
	}
	known := func(want ...string) func(*testing.T, *altertabletest.Server) {
		return func(t *testing.T, srv *altertabletest.Server) {
			var got []string
			for _, i := range srv.Identities() {
				got = append(got, strings.Join(append([]string{i.DistinctID + ":"}, append(i.AnonymousIDs, i.Aliases...)...), " "))
			}
			assert.Equal(t, want, got)
		}
	}
	identify := func(id, anonymous string, second int) step {
		return step{"/identify", identifyBody(id, anonymous, second, `"a":1`)}
	}
	alias := func(from, to string) step { return step{"/alias", aliasBody(from, to)} }
	for line, tt := range map[string]differs{
		"?apiKey=":              {[]step{{"/track?apiKey=k", event}}, 200, "", owners("u")},
		"task_id of a success":  {[]step{{"/track", event}, {"/track", event}}, 200, `"task_id":"task-2"`, nil},
		"timestamp of identify": {[]step{identify("u", "", 2), {"/identify", identifyBody("u", "", 1, `"a":2`)}}, 200, "", trait(1)},
		"or alias is garbage":   {[]step{{"/alias", strings.Replace(aliasBody("a", "b"), "{", `{"timestamp":"soon",`, 1)}}, 400, `"error_code":"alias-failed"`, known()},
		"integer as timestamp": {[]step{{"/track", strings.Replace(event, "{", `{"timestamp":99999999999,`, 1)}, {"/track", strings.Replace(event, "{", `{"timestamp":100000000000,`, 1)}}, 200, "",
			func(t *testing.T, srv *altertabletest.Server) {
				assert.Equal(t, []int{5138, 1973}, []int{srv.Events()[0].Timestamp.Year(), srv.Events()[1].Timestamp.Year()})
			}},
		"anonymous_id on track": {[]step{{"/track", trackBody(`"distinct_id":"u","anonymous_id":"anon",`)}, {"/track", trackBody(`"anonymous_id":"anon",`)}}, 200, "", owners("u", "anon")},
		"id that stays after":   {[]step{alias("a", "b")}, 200, "", known("b: a")},
		"environment unknown":   {[]step{{"/track", strings.Replace(event, "production", "nowhere", 1)}}, 400, `{"ok":false,"error_code":"environment-not-found"}`, owners()},
		"answer without":        {[]step{{"/track", event}}, 200, "", owners("u")},
		"event that has only":   {[]step{identify("u", "anon", 1), {"/track", trackBody(`"anonymous_id":"anon",`)}, {"/track", trackBody(`"anonymous_id":"other",`)}}, 200, "", owners("u", "other")},
		"event with neither":    {[]step{{"/track", trackBody("")}, identify("", "", 1)}, 200, "", owners("")},
		"empty distinct_id,":    {[]step{identify("", "", 1), alias("a", "")}, 200, "", known(": a")},
		"reserved id, such":     {[]step{identify("null", "", 1), {"/track", strings.Replace(event, `"u"`, `"null"`, 1)}}, 200, "", owners("null")},
		"empty anonymous_id":    {[]step{{"/identify", `{"environment":"production","distinct_id":"u","anonymous_id":"","device_id":""}`}}, 200, "", known("u:")},
		"identify without a":    {[]step{identify("u", "", 1), {"/identify", identifyBody("u", "", -1, `"a":2`)}}, 200, "", trait(2)},
		"anonymous_id of":       {[]step{identify("u", "anon", 1), identify("v", "anon", 2)}, 200, "", known("u: anon", "v:")},
		"anonymous_id that was": {[]step{identify("anon", "", 1), identify("u", "anon", 2)}, 200, "", known("u: anon")},
		"alias to a former id":  {[]step{alias("a", "b"), alias("c", "a")}, 200, "", known("b: a c")},
		"a message sent twice":  {[]step{{"/track", event}, {"/track", event}}, 200, "", owners("u", "u")},
		"other path or method":  {[]step{{"/other", event}}, 404, "", nil},
		"address of the": {[]step{{"/track", event}}, 200, "", func(t *testing.T, srv *altertabletest.Server) {
			assert.Empty(t, srv.Events()[0].Properties)
		}},
		"which keys exist":     {[]step{{"/track", event}}, 200, "", nil},
		"no key, or a bad one": {[]step{{"/track?apiKey=", event}}, 401, "", owners()},
		"absent or null":       {[]step{{"/track", trackBody(`"distinct_id":null,`)}}, 200, "", owners("")},
		"trait that both have": {[]step{identify("a", "", 2), {"/identify", identifyBody("b", "", 1, `"a":2`)}, alias("a", "b")}, 200, "", trait(1)},
	} {
		t.Run(line, func(t *testing.T) {
			doc, err := os.ReadFile("doc.go")
			require.NoError(t, err)
			require.Regexp(t, `(?m)^//\t *`+regexp.QuoteMeta(line), string(doc))
			srv := altertabletest.NewServer(altertabletest.WithoutListener(), altertabletest.WithEnvironments("production"))
			defer srv.Close()
			c := caller{t, srv.HTTPClient(), srv.URL}
			status, answer := 0, ""
			for _, s := range tt.steps {
				r := c.request(t.Context(), s.path, s.body)
				if strings.Contains(s.path, "apiKey") {
					r.Header.Del("X-Api-Key")
				}
				var resp *http.Response
				resp, answer, err = c.do(r)
				require.NoError(t, err)
				status = resp.StatusCode
			}
			assert.Equal(t, tt.status, status, answer)
			assert.Contains(t, answer, tt.answer)
			if tt.check != nil {
				tt.check(t, srv)
			}
		})
	}
}
