package altertable_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go"
)

func TestOptionsOutOfRange(t *testing.T) {
	for option, tests := range map[string][]altertable.Option{
		"WithEnvironment": {altertable.WithEnvironment(""), altertable.WithEnvironment(" \t")},
		"WithBaseURL": {
			altertable.WithBaseURL(""), altertable.WithBaseURL("api.altertable.ai"), altertable.WithBaseURL("ftp://example.com"),
			altertable.WithBaseURL("https://"), altertable.WithBaseURL("https://user:secret@example.com"), altertable.WithBaseURL("https://example.com?a=b"),
			altertable.WithBaseURL("https://example.com#f"), altertable.WithBaseURL("http://example.com"), altertable.WithBaseURL("http://127.0.0.1.example.com"),
			altertable.WithBaseURL("http://10.0.0.1"), altertable.WithBaseURL("https://exa mple.com"), altertable.WithBaseURL("://"),
			altertable.WithBaseURL("http://relay.ns"),
		},
		"WithRequestTimeout": {altertable.WithRequestTimeout(0), altertable.WithRequestTimeout(-1)},
		"WithMaxBatchSize":   {altertable.WithMaxBatchSize(0), altertable.WithMaxBatchSize(10_001)},
		"WithMaxBatchBytes":  {altertable.WithMaxBatchBytes(1023), altertable.WithMaxBatchBytes(2<<20 + 1)},
		"WithFlushInterval":  {altertable.WithFlushInterval(0), altertable.WithFlushInterval(-time.Second)},
		"WithMaxQueueSize":   {altertable.WithMaxQueueSize(0), altertable.WithMaxQueueSize(-1)},
		"WithMaxQueueBytes":  {altertable.WithMaxQueueBytes(1023)},
		"WithVisitorKey":     {altertable.WithVisitorKey(""), altertable.WithVisitorKey("atm_secret")},
		"WithOverflow":       {altertable.WithOverflow(-1), altertable.WithOverflow(3)},
		"WithMaxInFlight":    {altertable.WithMaxInFlight(0), altertable.WithMaxInFlight(257)},
		"WithRetry": {
			altertable.WithRetry(altertable.RetryPolicy{InitialInterval: time.Microsecond}),
			altertable.WithRetry(altertable.RetryPolicy{MaxInterval: -1}),
			altertable.WithRetry(altertable.RetryPolicy{MaxElapsed: 1}),
			altertable.WithRetry(altertable.RetryPolicy{InitialInterval: time.Minute, MaxInterval: time.Second}),
		},
		"WithDefaultProperties": {altertable.WithDefaultProperties(altertable.Properties{"a": make(chan int)})},
	} {
		for _, o := range tests {
			client, err := altertable.New("key_shall_not_show", o)
			var config *altertable.ConfigError
			require.ErrorAs(t, err, &config, option)
			assert.Nil(t, client)
			assert.Equal(t, option, config.Option)
			assert.NotEmpty(t, config.Reason)
			assert.NotContains(t, err.Error(), "key_shall_not_show")
			assert.NotContains(t, err.Error(), "secret")
		}
	}
}

func TestErrorsOfRangeNameTheValueAndTheRange(t *testing.T) {
	for text, option := range map[string]altertable.Option{
		"WithMaxBatchSize: 10001 is out of range: 1 to 10000":                                                                altertable.WithMaxBatchSize(10_001),
		"WithMaxQueueBytes: 1023 is out of range: at least 1024":                                                             altertable.WithMaxQueueBytes(1023),
		"WithFlushInterval: -1s is out of range: more than 0":                                                                altertable.WithFlushInterval(-time.Second),
		"WithRetry: MaxElapsed 1\u00b5s is out of range: at least 1ms":                                                       altertable.WithRetry(altertable.RetryPolicy{MaxElapsed: time.Microsecond}),
		"WithOverflow: 3 is out of range: DropNewest, DropOldest or Block":                                                   altertable.WithOverflow(3),
		`WithEnvironment: must not be blank, got " "`:                                                                        altertable.WithEnvironment(" "),
		`WithEnvironment: must not be blank, got "\u200b"`:                                                                   altertable.WithEnvironment("\u200b"),
		`WithVisitorKey: must not be empty, got ""`:                                                                          altertable.WithVisitorKey(""),
		"WithBaseURL: port 65536 is out of range: 1 to 65535":                                                                altertable.WithBaseURL("https://example.com:65536"),
		`WithBaseURL: scheme must be http or https, got "ftp"`:                                                               altertable.WithBaseURL("ftp://example.com"),
		`WithBaseURL: scheme must be http or https, got ""`:                                                                  altertable.WithBaseURL("example.com"),
		"WithBaseURL: must be a URL":                                                                                         altertable.WithBaseURL("https://secret example.com"),
		"WithBaseURL: must name a host":                                                                                      altertable.WithBaseURL("https://:80"),
		"WithBaseURL: must have no user name, query or fragment":                                                             altertable.WithBaseURL("https://secret@example.com"),
		`WithSpool: must name a directory, got ""`:                                                                           altertable.WithSpool("", altertable.SpoolMaxBytes(1<<20)),
		`WithSpool: must name a directory, got " "`:                                                                          altertable.WithSpool(" "),
		`WithSpool: must not begin with ~, which only a shell expands, got "~/spool"; use os.UserHomeDir or os.UserCacheDir`: altertable.WithSpool("~/spool"),
		`SpoolName: must not be blank, got "\t"`:                                                                             altertable.WithSpool(t.TempDir(), altertable.SpoolName("\t")),
		"SpoolMaxBytes: 1 is out of range: at least 1024":                                                                    altertable.WithSpool(t.TempDir(), altertable.SpoolMaxBytes(1)),
		`WithDefaultProperties: "cart" holds a value of type chan int, which JSON cannot express`:                            altertable.WithDefaultProperties(altertable.Properties{"cart": make(chan int)}),
		"WithDefaultProperties: holds a value of type chan int, which JSON cannot express":                                   altertable.WithDefaultProperties(altertable.Properties{"secret@example.com": make(chan int)}),
		`WithDefaultProperties: "blob" holds a value that no batch can hold`:                                                 altertable.WithDefaultProperties(altertable.Properties{"blob": strings.Repeat("x", 1<<20)}),
		"WithVisitorKey: must be the browser SDK's key, not a management key, which begins with atm_ and must not reach a browser; revoke it if it did":                                                                  altertable.WithVisitorKey("atm_secret"),
		"WithBaseURL: must be https for the host example.com: http would show the key to the network; it is for loopback addresses, localhost, a container's name without a dot, and with WithInsecureHTTP for any host": altertable.WithBaseURL("http://example.com"),
	} {
		_, err := altertable.New("key", option)
		assert.EqualError(t, err, "altertable: "+text)
	}
}

func TestRequestsGoToThePlatformByDefault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var urls []string
		client, err := altertable.New("key", altertable.WithHTTPClient(&http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			urls = append(urls, r.URL.String())
			return &http.Response{StatusCode: 200, Body: http.NoBody}, nil
		})}))
		require.NoError(t, err)
		track(t, client, "e0")
		require.NoError(t, client.Close())
		assert.Equal(t, []string{"https://api.altertable.ai/track"}, urls)
	})
}

func TestKeysThatNoHeaderCanCarry(t *testing.T) {
	for _, key := range []string{"", "secret key", "secret\n", " secret", "\u00e9secret", "secret\x7f", "\xffsecret"} {
		_, err := altertable.New(key)
		var config *altertable.ConfigError
		require.ErrorAs(t, err, &config, "%q", key)
		assert.Equal(t, "apiKey", config.Option)
		assert.NotContains(t, err.Error(), "secret")
	}
	_, err := altertable.New("", altertable.WithDisabled(true))
	assert.NoError(t, err, "a developer has none")
}

// The command line's key is in the variable of the same name.
func TestManagementKeys(t *testing.T) {
	for _, opts := range [][]altertable.Option{nil, {altertable.WithDisabled(true)}, {altertable.WithVisitorKey("pk")}} {
		for _, key := range []string{"atm_secret", "atm_secret\n", "atm_"} {
			client, err := altertable.New(key, opts...)
			var config *altertable.ConfigError
			require.ErrorAs(t, err, &config)
			assert.Nil(t, client)
			assert.Equal(t, "apiKey", config.Option)
			for _, part := range []string{"must be an ingestion key", "in the dashboard", "management key", "command line", "ALTERTABLE_API_KEY", "for this process alone"} {
				assert.Contains(t, config.Reason, part)
			}
			assert.NotContains(t, err.Error(), "secret")
		}
	}
	for _, key := range []string{"ATM_1", "atm", "atm-1", "pk_atm_1"} {
		client, err := altertable.New(key, altertable.WithVisitorKey(key))
		require.NoError(t, err, key)
		require.NoError(t, client.Close())
	}
}

func TestOptionsInRange(t *testing.T) {
	for _, o := range []altertable.Option{
		nil, altertable.WithHTTPClient(nil), altertable.WithLogger(nil), altertable.WithBeforeSend(nil), altertable.WithOnError(nil),
		altertable.WithOnDelivery(nil), altertable.WithDefaultProperties(nil), altertable.WithRelease(""), altertable.WithRetry(altertable.RetryPolicy{}),
		altertable.WithMaxBatchSize(1), altertable.WithMaxBatchSize(10_000), altertable.WithMaxBatchBytes(1 << 10), altertable.WithMaxBatchBytes(2 << 20),
		altertable.WithMaxQueueSize(1), altertable.WithMaxQueueBytes(1 << 10), altertable.WithMaxInFlight(1), altertable.WithMaxInFlight(256),
		altertable.WithFlushInterval(1), altertable.WithRequestTimeout(1), altertable.WithOverflow(altertable.Block), altertable.WithVisitorKey("pk"),
		altertable.WithRetry(altertable.RetryPolicy{MaxInterval: time.Millisecond}), altertable.WithRetry(altertable.RetryPolicy{InitialInterval: time.Hour}),
		altertable.WithBaseURL("https://example.com/prefix"),
	} {
		client, err := altertable.New("key", o)
		require.NoError(t, err)
		require.NoError(t, client.Close())
	}
}
