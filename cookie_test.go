package altertable_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
)

// visitorOf returns what a client with the key pk_1 makes of a request's headers.
func visitorOf(t testing.TB, headers ...string) (altertable.Visitor, bool) {
	t.Helper()
	client, err := altertable.New("server_key", altertable.WithVisitorKey("pk_1"))
	require.NoError(t, err)
	r := httptest.NewRequest("GET", "/", nil)
	r.Header["Cookie"] = headers
	return client.Visitor(r)
}

func TestVisitorOfTheDocumentedCookie(t *testing.T) {
	client, err := altertable.New("pk_live_abc123")
	require.NoError(t, err)
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("Cookie", "a=b; atbl.pk_live_abc123.production=%7B%22anonymousId%22%3Anull%2C%22deviceId%22%3A%22device-0f8fad5b-d9cb-469f-a165-70867728950e%22%2C%22distinctId%22%3A%22anonymous-7c9e6679-7425-40de-944b-e07fc1f90ae7%22%2C%22lastEventAt%22%3Anull%2C%22sessionId%22%3A%22session-a1b2c3d4-e5f6-4890-abcd-ef1234567890%22%2C%22trackingConsent%22%3A%22granted%22%7D; c=d")
	v, ok := client.Visitor(r)
	assert.True(t, ok)
	assert.Equal(t, altertable.Visitor{AnonymousID: anonymousID, DeviceID: deviceID, Consent: altertable.ConsentGranted}, v)
}

func TestVisitorOfOtherCookies(t *testing.T) {
	const name = "atbl.pk_1.production"
	granted := func(members string) string {
		return cookie(name, `{"trackingConsent":"granted",`+members+`}`)
	}
	consent := func(value string) string {
		return cookie(name, `{"trackingConsent":`+value+`,"anonymousId":"anonymous-1","deviceId":"device-1","distinctId":"anonymous-1"}`)
	}
	good := granted(`"anonymousId":"` + anonymousID + `"`)
	none := altertable.Visitor{}
	only := func(c altertable.Consent) altertable.Visitor { return altertable.Visitor{Consent: c} }
	of := func(anonymousID, deviceID string) altertable.Visitor {
		return altertable.Visitor{AnonymousID: anonymousID, DeviceID: deviceID, Consent: altertable.ConsentGranted}
	}
	for title, test := range map[string]struct {
		headers []string
		want    altertable.Visitor
	}{
		"after login":             {[]string{granted(`"anonymousId":"anonymous-1","distinctId":"u_1","deviceId":"device-1"`)}, of("anonymous-1", "device-1")},
		"before login":            {[]string{granted(`"anonymousId":null,"distinctId":"anonymous-1"`)}, of("anonymous-1", "")},
		"before login, empty":     {[]string{granted(`"anonymousId":"","distinctId":"anonymous-1"`)}, of("anonymous-1", "")},
		"in quotes":               {[]string{`a=b; ` + strings.Replace(good, "=", `="`, 1) + `"; c=d`}, of(anonymousID, "")},
		"one quote":               {[]string{name + `="`}, none},
		"older prefix":            {[]string{granted(`"anonymousId":"visitor-1"`)}, of("visitor-1", "")},
		"device only":             {[]string{granted(`"deviceId":"device-1"`)}, of("", "device-1")},
		"the user's id":           {[]string{granted(`"anonymousId":null,"distinctId":"u_1"`)}, of("", "")},
		"tabs around it":          {[]string{"a=b;\t" + good + "\t; c=d"}, of(anonymousID, "")},
		"another line":            {[]string{"a=b", good}, of(anonymousID, "")},
		"others beside it":        {[]string{strings.Replace(good, "pk_1", "pk_2", 1) + "; " + good + "; " + strings.Replace(good, "production", "staging", 1)}, of(anonymousID, "")},
		"no cookie":               {nil, none},
		"consent pending":         {[]string{consent(`"pending"`)}, only(altertable.ConsentPending)},
		"consent denied":          {[]string{consent(`"denied"`)}, only(altertable.ConsentDenied)},
		"consent dismissed":       {[]string{consent(`"dismissed"`)}, only(altertable.ConsentDenied)},
		"consent in capitals":     {[]string{consent(`"GRANTED"`)}, none},
		"consent of another word": {[]string{consent(`"maybe"`)}, none},
		"consent empty":           {[]string{consent(`""`)}, none},
		"consent true":            {[]string{consent(`true`)}, none},
		"consent null":            {[]string{consent(`null`)}, none},
		"consent withdrawn":       {[]string{cookie(name, `{"trackingConsent":"granted","trackingConsent":"denied","anonymousId":"anonymous-1"}`)}, only(altertable.ConsentDenied)},
		"consent of another case": {[]string{cookie(name, `{"TrackingConsent":"granted","anonymousId":"anonymous-1"}`)}, none},
		"no consent":              {[]string{cookie(name, `{"anonymousId":"anonymous-1"}`)}, none},
		"repeated":                {[]string{good + "; " + good}, none},
		"repeated in two lines":   {[]string{good, good}, none},
		"repeated, one denied":    {[]string{consent(`"denied"`), good}, none},
		"another key":             {[]string{strings.Replace(good, "pk_1", "pk_2", 1)}, none},
		"another environment":     {[]string{strings.Replace(good, "production", "staging", 1)}, none},
		"a longer name":           {[]string{"x" + good}, none},
		"truncated":               {[]string{good[:len(good)-5]}, none},
		"broken escape":           {[]string{good + "%z"}, none},
		"empty":                   {[]string{name + "="}, none},
		"a name alone":            {[]string{name}, none},
		"an array":                {[]string{cookie(name, `[1]`)}, none},
		"null":                    {[]string{cookie(name, `null`)}, none},
		"numbers":                 {[]string{granted(`"anonymousId":1,"deviceId":{}`)}, of("", "")},
		"prefix alone":            {[]string{granted(`"anonymousId":"anonymous-","deviceId":"device-"`)}, of("", "")},
		"foreign ids":             {[]string{granted(`"anonymousId":"u_1","deviceId":"anonymous-1"`)}, of("", "")},
		"forged, no way back":     {[]string{granted(`"anonymousId":"u_1","distinctId":"anonymous-1"`)}, of("", "")},
		"control characters":      {[]string{granted(`"anonymousId":"anonymous-\n"`)}, of("", "")},
		"long id":                 {[]string{granted(`"anonymousId":"anonymous-` + strings.Repeat("x", 300) + `"`)}, of("", "")},
		"oversized":               {[]string{granted(`"anonymousId":"anonymous-1","x":"` + strings.Repeat("x", 5000) + `"`)}, none},
		"huge header":             {[]string{strings.Repeat("a=b; ", 20_000), good}, none},
	} {
		t.Run(title, func(t *testing.T) {
			v, ok := visitorOf(t, test.headers...)
			assert.Equal(t, test.want, v)
			assert.Equal(t, test.want.AnonymousID+test.want.DeviceID != "", ok)
		})
	}
}

// The header is read where there is no cookie, as the cookie is.
func TestVisitorHeader(t *testing.T) {
	const name = "atbl.pk_1.production"
	granted := url.PathEscape(`{"trackingConsent":"granted","anonymousId":"anonymous-1","deviceId":"device-1"}`)
	denied := url.PathEscape(`{"trackingConsent":"denied","anonymousId":"anonymous-1"}`)
	full := altertable.Visitor{AnonymousID: "anonymous-1", DeviceID: "device-1", Consent: altertable.ConsentGranted}
	for title, test := range map[string]struct {
		cookies, header []string
		want            altertable.Visitor
	}{
		"alone":                  {nil, []string{granted}, full},
		"not encoded":            {nil, []string{`{"trackingConsent":"granted","anonymousId":"anonymous-1","deviceId":"device-1"}`}, full},
		"beside other cookies":   {[]string{"a=b"}, []string{granted}, full},
		"beside others' cookies": {[]string{"atbl.pk_2.production=1"}, []string{granted}, full},
		"denied":                 {nil, []string{denied}, altertable.Visitor{Consent: altertable.ConsentDenied}},
		"repeated":               {nil, []string{granted, granted}, altertable.Visitor{}},
		"two in one line":        {nil, []string{granted + ", " + granted}, altertable.Visitor{}},
		"empty":                  {nil, []string{""}, altertable.Visitor{}},
		"oversized":              {nil, []string{granted + strings.Repeat("%20", 2000)}, altertable.Visitor{}},
		"none":                   {nil, nil, altertable.Visitor{}},
		"the cookie wins":        {[]string{name + "=" + denied}, []string{granted}, altertable.Visitor{Consent: altertable.ConsentDenied}},
		"a broken cookie wins":   {[]string{name + "=%7B"}, []string{granted}, altertable.Visitor{}},
		"repeated cookies win":   {[]string{name + "=1; " + name + "=2"}, []string{granted}, altertable.Visitor{}},
		"cookies without bounds": {[]string{strings.Repeat("a=b; ", 20_000)}, []string{granted}, altertable.Visitor{}},
	} {
		t.Run(title, func(t *testing.T) {
			client, err := altertable.New("pk_1", altertable.WithVisitorHeader("x-altertable-VISITOR"))
			require.NoError(t, err)
			r := &http.Request{Header: http.Header{"Cookie": test.cookies, "X-Altertable-Visitor": test.header}}
			v, ok := client.Visitor(r)
			assert.Equal(t, test.want, v)
			assert.Equal(t, test.want == full, ok)
			plain, err := altertable.New("pk_1")
			require.NoError(t, err)
			_, ok = plain.Visitor(&http.Request{Header: http.Header{"X-Altertable-Visitor": test.header}})
			assert.False(t, ok, "by default it is not read")
		})
	}
}

// Over the network a header's name may have any case.
func TestVisitorHeaderOfAServer(t *testing.T) {
	client, err := altertable.New("pk_1", altertable.WithVisitorHeader("x-altertable-visitor"))
	require.NoError(t, err)
	seen := make(chan altertable.Visitor, 1)
	server := httptest.NewServer(client.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		v, _ := altertable.VisitorFromContext(r.Context())
		seen <- v
	})))
	defer server.Close()
	r, err := http.NewRequest(http.MethodGet, server.URL, nil)
	require.NoError(t, err)
	r.Header["X-ALTERTABLE-visitor"] = []string{url.PathEscape(`{"trackingConsent":"granted","anonymousId":"anonymous-1"}`)}
	response, err := server.Client().Do(r)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	assert.Equal(t, altertable.Visitor{AnonymousID: "anonymous-1", Consent: altertable.ConsentGranted}, <-seen)
}

func TestVisitorHeadersThatNoRequestHas(t *testing.T) {
	for _, name := range []string{"", " ", "X Visitor", "X-Visitor:", "X-V\u00efsitor", "X-Visitor\n", "a(b)"} {
		_, err := altertable.New("key", altertable.WithVisitorHeader(name))
		var config *altertable.ConfigError
		require.ErrorAs(t, err, &config, "%q", name)
		assert.Equal(t, "WithVisitorHeader", config.Option)
		assert.Equal(t, fmt.Sprintf("must be a header's name, got %q", name), config.Reason)
	}
}

// net/http drops cookies of such names.
func TestVisitorOfAnEnvironmentWithOddCharacters(t *testing.T) {
	for _, environment := range []string{"eu west", "team@eu", "pr\u00fcf"} {
		client, err := altertable.New("pk", altertable.WithEnvironment(environment))
		require.NoError(t, err)
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Cookie", cookie("atbl.pk."+environment, `{"trackingConsent":"granted","anonymousId":"anonymous-1"}`))
		_, ok := client.Visitor(r)
		assert.True(t, ok, environment)
	}
}

func FuzzVisitor(f *testing.F) {
	f.Fuzz(func(t *testing.T, header string) {
		v, ok := visitorOf(t, header)
		assertHarmless(t, v, ok)
	})
}

func FuzzVisitorHeader(f *testing.F) {
	client, err := altertable.New("pk_1", altertable.WithVisitorHeader("X-Visitor"))
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, cookies, header string) {
		v, ok := client.Visitor(&http.Request{Header: http.Header{"Cookie": {cookies}, "X-Visitor": {header}}})
		assertHarmless(t, v, ok)
	})
}

// assertHarmless checks what Visitor made of what a stranger wrote.
func assertHarmless(t *testing.T, v altertable.Visitor, ok bool) {
	t.Helper()
	assert.Equal(t, ok, v.AnonymousID+v.DeviceID != "")
	assert.Contains(t, []altertable.Consent{altertable.ConsentUnknown, altertable.ConsentGranted, altertable.ConsentPending, altertable.ConsentDenied}, v.Consent)
	if ok {
		assert.Equal(t, altertable.ConsentGranted, v.Consent)
	}
	if v.AnonymousID != "" {
		assert.Regexp(t, `^(anonymous|visitor)-[!-~]{1,250}$`, v.AnonymousID)
	}
	if v.DeviceID != "" {
		assert.Regexp(t, `^device-[!-~]{1,250}$`, v.DeviceID)
	}
}
