package altertable

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"
)

// Bounds in bytes: on each property that is made of a request, and on what is
// read of a query.
const (
	maxRequestProperty = 1 << 10
	maxQuery           = 64 << 10
)

// campaign names the members of a query that say by which campaign a visitor came,
// and become properties. A URL keeps others that begin with utm_ as well.
var campaign = [...]string{"utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content"}

// A request is what WithRequestProperties needs of an HTTP request. It is taken
// when the request comes in: handlers may change theirs, and tracks may follow
// when the request is over. The properties are made of it at the first Track.
type request struct {
	host, path, rawPath, query, referer, userAgent string

	once sync.Once
	made Properties // never written to again
}

func newRequest(r *http.Request) *request {
	q := &request{host: r.Host, referer: firstOf(r.Header["Referer"]), userAgent: firstOf(r.Header["User-Agent"])}
	if u := r.URL; u != nil {
		q.path, q.rawPath, q.query = u.Path, u.RawPath, u.RawQuery
		if q.host == "" {
			q.host = u.Host
		}
	}
	return q
}

func firstOf(values []string) string {
	if len(values) == 0 {
		return ""
	}
	return values[0]
}

// properties returns the request's properties. They are shared: the caller must
// not write to them.
func (r *request) properties() Properties {
	r.once.Do(func() {
		query, tags := campaignOf(r.query)
		p := make(Properties, 3+len(campaign))
		add := func(name, value string) {
			if value != "" {
				p[name] = value
			}
		}
		add("$url", pageURL(r.host, r.path, r.rawPath, query))
		add("$referer", refererURL(r.referer))
		add("$user_agent", cut(r.userAgent))
		for i, name := range campaign {
			add("$"+name, tags[i])
		}
		r.made = p
	})
	return r.made
}

// refererURL returns what pageURL makes of a Referer header, "" if it is no web page's.
func refererURL(referer string) string {
	u, err := url.Parse(referer)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" {
		return ""
	}
	query, _ := campaignOf(u.RawQuery)
	return pageURL(u.Host, u.Path, u.RawPath, query)
}

// pageURL returns the address of a page: https, unless the host is this machine. It
// returns "" for a host that no browser sends.
func pageURL(host, path, rawPath, query string) string {
	if !isHost(host) {
		return ""
	}
	u := url.URL{Scheme: "https", Host: host, Path: path, RawPath: rawPath, RawQuery: query}
	if isLoopback(u.Hostname()) {
		u.Scheme = "http"
	}
	return cutURL(u.String())
}

// isHost reports whether host, and a port behind it, look like those of a URL.
func isHost(host string) bool {
	for _, c := range []byte(host) {
		switch {
		case '0' <= c && c <= '9', 'A' <= c && c <= 'Z', 'a' <= c && c <= 'z':
		case strings.IndexByte("-._:[]", c) >= 0:
		default:
			return false
		}
	}
	u, err := url.Parse("//" + host)
	return err == nil && u.Hostname() != "" && len(host) <= maxHost
}

// maxHost is the length of the longest name and port.
const maxHost = 253 + len(".:65535")

// campaignOf returns the utm_ members of a query, as a query, and the values of
// those that campaign names. Of several with one name the first counts.
func campaignOf(query string) (kept string, tags [len(campaign)]string) {
	query = query[:min(len(query), maxQuery)]
	for query != "" {
		var member string
		member, query, _ = strings.Cut(query, "&")
		name, value, _ := strings.Cut(member, "=")
		if value == "" || !isCampaign(name) || strings.Contains(member, ";") { // another separator to some, and so there may be anything behind it
			continue
		}
		text, err := url.QueryUnescape(value)
		if err != nil {
			continue
		}
		text = cut(text)
		if i := slices.Index(campaign[:], name); i >= 0 && tags[i] == "" {
			tags[i] = text
		}
		if begin := "&" + name + "="; len(kept) < maxRequestProperty && !strings.Contains(kept, begin) {
			kept += begin + url.QueryEscape(text)
		}
	}
	return strings.TrimPrefix(kept, "&"), tags
}

// isCampaign reports whether a member of that name, such as utm_id, is of a campaign.
func isCampaign(name string) bool {
	rest, ok := strings.CutPrefix(name, "utm_")
	return ok && strings.Trim(rest, "abcdefghijklmnopqrstuvwxyz0123456789_") == ""
}

// cut returns s in valid UTF-8, and not more than a property may have of it.
func cut(s string) string {
	if len(s) > maxRequestProperty+utf8.UTFMax {
		s = s[:maxRequestProperty+utf8.UTFMax] // the rest is not worth the look
	}
	if s = strings.ToValidUTF8(s, "\uFFFD"); len(s) <= maxRequestProperty {
		return s
	}
	end := maxRequestProperty
	for !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end]
}

// cutURL is cut for a URL, which is ASCII. It leaves no part of a "%20" behind.
func cutURL(s string) string {
	if len(s) <= maxRequestProperty {
		return s
	}
	s = s[:maxRequestProperty]
	if i := strings.LastIndexByte(s, '%'); i >= 0 && i > len(s)-len("%20") {
		s = s[:i]
	}
	return s
}

// WithRequestProperties has Middleware give the request's properties to each
// Track whose context is that of the request: $url, $referer, $user_agent,
// $utm_source, $utm_medium, $utm_campaign, $utm_term and $utm_content. Each is
// cut at 1 KiB, and left out if it is empty. By default there are none. They
// are made once, at the first Track. Those of WithPropertiesFunc,
// ContextWithProperties and the event itself win.
//
// A URL is the scheme (https, unless the host is this machine), host, path, and
// of the query the utm_ members only. A path is sent as it is: where it
// holds a secret, as that of a link to reset a password does, redact $url and
// $referer in WithBeforeSend. The visitor's address is not among them: see
// WithRequestIP for $ip. The Host header is what the visitor or a proxy sends.
func WithRequestProperties() Option {
	return func(cfg *config) error { cfg.requestProperties = true; return nil }
}
