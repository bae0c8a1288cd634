package altertable

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// hosts tells whether they are this machine or a container beside it.
var hosts = map[string]bool{
	"127.0.0.1": true, "127.0.0.2": true, "127.255.255.254": true, "[::1]": true, "[0:0:0:0:0:0:0:1]": true,
	"[::ffff:127.0.0.1]": true, "[::ffff:7f00:1]": true, "[::1%25lo]": true,
	"localhost": true, "LOCALHOST": true, "localhost.": true, "api.localhost": true, "a.b.LocalHost.": true, "x_y.localhost": true,
	"host.docker.internal": true, "Host.Docker.Internal": true, "host.containers.internal.": true,
	"relay": true, "RELAY": true, "a": true, "my_relay-1": true, "face": true, "xn--relay": true,

	"0.0.0.0": false, "[::]": false, "10.0.0.1": false, "169.254.169.254": false, "[fe80::1%25lo]": false, "[::ffff:10.0.0.1]": false, "[::2]": false, "[::127.0.0.1]": false,
	"128.0.0.1": false, "126.255.255.255": false, "127.1": false, "127.0.0.1.": false, "127.000.000.001": false, "0x7f.1": false, "0x7f000001": false, "2130706433": false, "017700000001": false,
	"127.0.0.1.example.com": false, "localhost.evil.com": false, "evil-localhost.com": false, "xlocalhost.": false, "localhost..": false, ".localhost": false, "a..localhost": false, "..localhost": false,
	"relay.": false, "relay.ns": false, "relay.ns.svc.cluster.local": false, "docker.internal": false, "x.host.docker.internal": false, "host.docker.internal.evil.com": false, "host-docker-internal.ns": false,
	"1relay": false, "-relay": false, "_relay": false, ".relay": false, ".": false, "..": false,
	"relay\u3002evil\u3002com": false, "evil\u3002com.localhost": false, "r\u00e9lay": false, "local\u212aost": false, "\uff11\uff12\uff17.0.0.1": false,
	"example.com": false, "api.altertable.ai": false,
}

func TestPlainHTTPByHost(t *testing.T) {
	for host, allowed := range hosts {
		for _, base := range []string{"http://" + host, "HTTP://" + host + ":8080/prefix/"} {
			client, err := New("key", WithBaseURL(base))
			if allowed {
				require.NoError(t, err, base)
				require.NoError(t, client.Close())
			} else {
				var config *ConfigError
				require.ErrorAs(t, err, &config, base)
				assert.Equal(t, "WithBaseURL", config.Option)
				assert.Contains(t, config.Reason, "must be https for the host ")
				assert.Contains(t, config.Reason, "WithInsecureHTTP")
			}
			for _, opts := range [][]Option{{WithBaseURL(base), WithInsecureHTTP()}, {WithInsecureHTTP(), WithBaseURL(base)}, {WithBaseURL("https://" + host)}} {
				client, err := New("key", opts...)
				require.NoError(t, err, base)
				require.NoError(t, client.Close())
			}
		}
	}
	for _, base := range []string{"http://relay%2eevil.com", "http:relay", "http:///relay", "http://relay@evil.com", "http://re lay", "http://relay:x", "http://", "http://:80", "//relay"} {
		_, err := New("key", WithBaseURL(base), WithInsecureHTTP())
		var config *ConfigError
		assert.ErrorAs(t, err, &config, base)
	}
}

// nearby is the rule once more: what is not an address is one of these names.
var nearby = regexp.MustCompile(`^([A-Za-z0-9_-]+\.)*[Ll][Oo][Cc][Aa][Ll][Hh][Oo][Ss][Tt]\.?$|^[A-Za-z][A-Za-z0-9_-]*$|` +
	`^[Hh][Oo][Ss][Tt]\.([Dd][Oo][Cc][Kk][Ee][Rr]|[Cc][Oo][Nn][Tt][Aa][Ii][Nn][Ee][Rr][Ss])\.[Ii][Nn][Tt][Ee][Rr][Nn][Aa][Ll]\.?$`)

func FuzzPlainHTTP(f *testing.F) {
	for host := range hosts {
		f.Add(host)
	}
	f.Fuzz(func(t *testing.T, host string) {
		client, err := New("key", WithBaseURL("http://"+host))
		var config *ConfigError
		if err != nil {
			require.ErrorAs(t, err, &config)
			assert.Equal(t, "WithBaseURL", config.Option)
			if u, err := url.Parse("http://" + host); err == nil && nearby.MatchString(u.Hostname()) {
				assert.NotContains(t, config.Reason, "must be https", "%q", host)
			}
			return
		}
		require.NoError(t, client.Close())
		name := client.cfg.baseURL.Hostname()
		address, _, _ := strings.Cut(name, "%")
		if ip := net.ParseIP(address); ip != nil {
			assert.True(t, ip.IsLoopback(), "%q", host)
		} else {
			assert.Regexp(t, nearby, name)
		}
	})
}

// Whatever a base URL is, a request can be made of what is accepted, and an error
// does not repeat a password.
func FuzzBaseURL(f *testing.F) {
	f.Fuzz(func(t *testing.T, base string) {
		client, err := New("key", WithBaseURL(base), WithInsecureHTTP())
		u, parseErr := url.Parse(base)
		if err != nil {
			var config *ConfigError
			require.ErrorAs(t, err, &config)
			assert.Equal(t, "WithBaseURL", config.Option)
			if parseErr == nil && u.User != nil {
				password, _ := u.User.Password()
				assert.False(t, len(password) > 9 && strings.Contains(err.Error(), password), "%q", err)
			}
			return
		}
		require.NoError(t, parseErr)
		endpoint := client.cfg.baseURL.JoinPath("track")
		assert.Equal(t, u.Host, endpoint.Host)
		r, err := http.NewRequest(http.MethodPost, endpoint.String(), nil)
		require.NoError(t, err)
		assert.True(t, strings.HasSuffix(r.URL.Path, "/track"), r.URL.Path)
		require.NoError(t, client.Close())
	})
}

// net/http reads the variables of a proxy once, so another process has them.
func TestNoProxyForHostsNearby(t *testing.T) {
	const proxy, child = "http://proxy.example.com:3128", "ALTERTABLE_TEST_PROXY_CHILD"
	if os.Getenv(child) == "" {
		command := exec.Command(os.Args[0], "-test.run=^TestNoProxyForHostsNearby$", "-test.v")
		// On Windows http_proxy is HTTP_PROXY, and the last one counts.
		command.Env = append(os.Environ(), child+"=1", "no_proxy=", "http_proxy=", "https_proxy=", "NO_PROXY=", "HTTP_PROXY="+proxy, "HTTPS_PROXY="+proxy, "REQUEST_METHOD=")
		out, err := command.CombinedOutput()
		require.NoError(t, err, "%s", out)
		require.Contains(t, string(out), "--- PASS: TestNoProxyForHostsNearby")
		return
	}
	for host, near := range hosts {
		for _, scheme := range []string{"http", "https"} {
			r, err := http.NewRequest(http.MethodPost, scheme+"://"+host+":8080/track", nil)
			require.NoError(t, err, host)
			through, err := newHTTPTransport(1).Proxy(r)
			require.NoError(t, err)
			if near {
				assert.Nil(t, through, "%s://%s", scheme, host)
			}
			if host == "relay.ns" || host == "relay." || host == "10.0.0.1" {
				assert.NotNil(t, through, "%s://%s", scheme, host)
			}
		}
	}
}

// plainHTTPLines runs a client, and returns what it logged about plain http.
func plainHTTPLines(t *testing.T, call func(context.Context, *Client) error, opts ...Option) (lines []string) {
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder // the client logs on one goroutine, which has ended
		client, err := New("secret_key", append([]Option{WithLogger(slog.New(slog.NewTextHandler(&log, nil))),
			WithHTTPClient(&http.Client{Transport: takesAll{}})}, opts...)...)
		require.NoError(t, err)
		synctest.Wait()
		assert.Empty(t, log.String(), "New starts no goroutine")
		for range 3 {
			require.NoError(t, call(t.Context(), client))
		}
		require.NoError(t, client.Close())
		for line := range strings.Lines(log.String()) {
			if strings.Contains(line, "plain http") {
				lines = append(lines, line)
			}
			assert.NotContains(t, line, "secret")
		}
	})
	return lines
}

// takesAll takes all requests.
type takesAll struct{}

func (takesAll) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: 200, Body: http.NoBody, Request: r}, r.Body.Close()
}

func TestInsecureHTTPIsSaidOnce(t *testing.T) {
	tracked := func(ctx context.Context, c *Client) error {
		return errors.Join(c.Track(ctx, Track{Event: "e", DistinctID: "u_1"}), c.Flush(ctx))
	}
	inSync := func(ctx context.Context, c *Client) error {
		_, err := c.IdentifySync(ctx, Identify{DistinctID: "u_1"})
		return err
	}
	idle := func(context.Context, *Client) error { return nil }
	relay := []Option{WithBaseURL("http://relay.ns:8080"), WithInsecureHTTP()}
	for name, call := range map[string]func(context.Context, *Client) error{"queue": tracked, "sync": inSync} {
		lines := plainHTTPLines(t, call, relay...)
		require.Len(t, lines, 1, name)
		assert.Contains(t, lines[0], "level=WARN")
		assert.Contains(t, lines[0], "WithInsecureHTTP")
		assert.Contains(t, lines[0], "host=relay.ns:8080")
	}
	assert.Empty(t, plainHTTPLines(t, idle, relay...), "nothing was sent")
	assert.Empty(t, plainHTTPLines(t, tracked, append(relay, WithDisabled(true))...))
	assert.Empty(t, plainHTTPLines(t, tracked, WithBaseURL("https://relay.ns"), WithInsecureHTTP()))
	assert.Empty(t, plainHTTPLines(t, tracked, WithBaseURL("http://localhost"), WithInsecureHTTP()))
	assert.Empty(t, plainHTTPLines(t, tracked, WithBaseURL("http://relay")))
}
