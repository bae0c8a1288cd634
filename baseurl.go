package altertable

import (
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

const defaultBaseURL = "https://api.altertable.ai"

// WithBaseURL sets where the API is, overriding the default
// https://api.altertable.ai. A path is kept as a prefix of /track, /identify
// and /alias. User name, query and fragment are refused.
//
// The scheme is https, or http for a host that is this machine or a container
// beside it: a loopback address, localhost and the names below it,
// host.docker.internal, host.containers.internal, and a name without a dot that
// begins with a letter. For another host http needs WithInsecureHTTP. The
// client's own connections use no proxy for these hosts, over https too.
func WithBaseURL(raw string) Option {
	return func(cfg *config) error {
		cfg.given.baseURL = true
		return cfg.setBaseURL("WithBaseURL", raw)
	}
}

// setBaseURL sets what the option or variable of that name says.
func (cfg *config) setBaseURL(name, raw string) error {
	u, err := url.Parse(raw)
	switch {
	case err != nil || strings.Contains(raw, " ") || !isReadAgain(u): // the error's text repeats the URL
		return &ConfigError{name, "must be a URL"}
	case u.Scheme != "http" && u.Scheme != "https":
		return &ConfigError{name, fmt.Sprintf("scheme must be http or https, got %q", u.Scheme)}
	case u.Hostname() == "":
		return &ConfigError{name, "must name a host"}
	case !isPort(u.Port()):
		return &ConfigError{name, fmt.Sprintf("port %s is out of range: 1 to 65535", u.Port())}
	case u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return &ConfigError{name, "must have no user name, query or fragment"}
	}
	cfg.baseURL, cfg.names.baseURL = u, name
	return nil
}

// isReadAgain reports whether the text of u is a URL. Of an address with an odd
// zone it is not, and then no request could be made of it.
func isReadAgain(u *url.URL) bool {
	_, err := url.Parse(u.String())
	return err == nil
}

// isPort reports whether port, which is of digits or empty, can be one.
func isPort(port string) bool {
	n, err := strconv.ParseUint(port, 10, 16)
	return port == "" || err == nil && n > 0
}

// WithInsecureHTTP lets WithBaseURL name an http URL of any host. The key and the
// messages then cross the network in clear, of which the client warns once, with
// its first request. Off by default.
func WithInsecureHTTP() Option {
	return func(cfg *config) error {
		cfg.given.insecureHTTP, cfg.insecureHTTP = true, true
		return nil
	}
}

// isInClear reports whether the network can read what the client sends.
func (cfg *config) isInClear() bool {
	return cfg.baseURL.Scheme == "http" && !isNearby(cfg.baseURL.Hostname())
}

func (cfg *config) checkPlainHTTP() error {
	if !cfg.isInClear() || cfg.insecureHTTP {
		return nil
	}
	remedy := "WithInsecureHTTP"
	if cfg.names.key == keyVariable {
		remedy += " (" + insecureHTTPVariable + "=true)"
	}
	return &ConfigError{cfg.names.baseURL, fmt.Sprintf("must be https for the host %s: http would show the key to the network; it is for loopback addresses, localhost, a container's name without a dot, and with %s for any host", cfg.baseURL.Hostname(), remedy)}
}

// isNearby reports whether host, as url.URL.Hostname returns it, is this machine
// or a container beside it.
func isNearby(host string) bool {
	if isLoopback(host) {
		return true
	}
	if !isHostName(host) {
		return false
	}
	host = strings.ToLower(host)
	switch strings.TrimSuffix(host, ".") {
	case "host.docker.internal", "host.containers.internal":
		return true
	}
	// A dot behind a single label would make it a top-level domain.
	return host != "" && 'a' <= host[0] && host[0] <= 'z' && !strings.Contains(host, ".")
}

// isLoopback reports whether host is this machine. Resolvers disagree on names
// such as "127.1", "0x7f000001" and "127.0.0.1.", which are no addresses in a URL.
func isLoopback(host string) bool {
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.Unmap().IsLoopback()
	}
	if !isHostName(host) {
		return false
	}
	name := strings.TrimSuffix(strings.ToLower(host), ".")
	return name == "localhost" || strings.HasSuffix(name, ".localhost") && name[0] != '.' && !strings.Contains(name, "..")
}

// isHostName reports whether host has no other characters than a host's name in
// ASCII. What is not ASCII, net/http may turn into a dot.
func isHostName(host string) bool {
	return strings.Trim(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") == ""
}

// proxyOf is http.ProxyFromEnvironment, except that it returns none for a host
// that a proxy cannot reach: to the proxy, its name means another machine.
func proxyOf(r *http.Request) (*url.URL, error) {
	if isNearby(r.URL.Hostname()) {
		return nil, nil
	}
	return http.ProxyFromEnvironment(r)
}
