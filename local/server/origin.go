package server

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// checkOrigin refuses what no browser sends as a page's origin: it would never
// match. The error says what to write instead, where that is clear.
func checkOrigin(text string) error {
	switch text {
	case "":
		return errors.New("must not be empty: write an origin, such as http://localhost:5173")
	case "*":
		return errors.New("every page of the web would be let in: name each origin, such as http://localhost:5173")
	case "null":
		return errors.New("this is what files and sandboxed frames have instead of an origin: serve the page over http, and name the origin of that")
	}
	scheme, rest, found := strings.Cut(text, "://")
	if !found {
		return suggest("an origin begins with http:// or https://", "http://"+text)
	}
	if s := strings.ToLower(scheme); s != "http" && s != "https" {
		return errors.New("only pages of http:// and https:// can be let in")
	}
	if end := strings.IndexAny(rest, `/?#\`); end >= 0 {
		return suggest("an origin ends with its host and port, without a slash, a path or a query", scheme+"://"+rest[:end])
	}
	if end := strings.LastIndexByte(rest, '@'); end >= 0 {
		return suggest("an origin has no user", scheme+"://"+rest[end+1:])
	}
	if strings.ToLower(text) != text {
		return suggest("browsers write an origin in lower case", strings.ToLower(text))
	}
	return checkHostPort(scheme, rest)
}

// An originError says what is wrong with an origin, and what to write instead.
type originError struct{ problem, instead string }

func (e *originError) Error() string {
	if e.instead == "" {
		return e.problem + ", as in http://localhost:5173"
	}
	return e.problem + ": write " + e.instead
}

// suggest proposes another origin, or what is to be written instead of that.
func suggest(problem, origin string) error {
	err := checkOrigin(origin)
	if further := new(originError); errors.As(err, &further) {
		return &originError{problem, further.instead}
	}
	if err != nil {
		return &originError{problem: problem}
	}
	return &originError{problem, origin}
}

func checkHostPort(scheme, hostport string) error {
	host, port, found := strings.Cut(hostport, ":")
	if strings.HasPrefix(hostport, "[") {
		end := strings.IndexByte(hostport, ']') + 1
		host, port, found = hostport[:end], strings.TrimPrefix(hostport[end:], ":"), end < len(hostport)
	}
	canonical, err := browserHost(host)
	if err != nil {
		return err
	}
	origin := scheme + "://" + canonical
	if found {
		n, err := strconv.ParseUint(port, 10, 16)
		switch {
		case port == "":
			return suggest("a colon is followed by a port", origin)
		case err != nil:
			return errors.New("a port is a number, at most 65535")
		case n == 80 && scheme == "http" || n == 443 && scheme == "https":
			return suggest("browsers leave out the port that the scheme has anyway", origin)
		}
		origin += ":" + strconv.FormatUint(n, 10)
	}
	if origin != scheme+"://"+hostport {
		return suggest("browsers write this origin in another way", origin)
	}
	return nil
}

// browserHost returns the host as browsers write it, without the port.
func browserHost(host string) (string, error) {
	if strings.HasPrefix(host, "[") {
		return browserIPv6(host)
	}
	if host == "" || len(host) > 253 {
		return "", errors.New("the host is missing or too long: write an origin such as http://localhost:5173")
	}
	for _, c := range host {
		switch {
		case c > 127:
			return "", errors.New("browsers write such a host in ASCII, as xn--...: write what location.origin is in the page")
		case !strings.ContainsRune("abcdefghijklmnopqrstuvwxyz0123456789-_.", c):
			return "", fmt.Errorf("the host has %q in it: write an origin such as http://localhost:5173", c)
		}
	}
	labels := strings.Split(strings.TrimSuffix(host, "."), ".")
	last := labels[len(labels)-1]
	if slices.Contains(labels, "") {
		return "", errors.New("the host has two dots in a row, or begins with one: write an origin such as http://localhost:5173")
	}
	if ip, err := netip.ParseAddr(host); numeric(last) && (err != nil || !ip.Is4()) {
		return "", errors.New("browsers write an IPv4 address as four numbers, as in http://127.0.0.1:5173")
	}
	return host, nil
}

func browserIPv6(host string) (string, error) {
	ip, err := netip.ParseAddr(host[1 : len(host)-1])
	if err != nil || !ip.Is6() || ip.Zone() != "" {
		return "", errors.New("in brackets belongs an IPv6 address without a zone, as in http://[::1]:5173")
	}
	if ip.Is4In6() {
		b := ip.As16()
		return fmt.Sprintf("[::ffff:%x:%x]", int(b[12])<<8|int(b[13]), int(b[14])<<8|int(b[15])), nil
	}
	return "[" + ip.String() + "]", nil
}

// numeric reports whether browsers take a host that ends with this label for an
// IPv4 address.
func numeric(label string) bool {
	hex, isHex := strings.CutPrefix(label, "0x")
	if isHex {
		return strings.Trim(hex, "0123456789abcdef") == ""
	}
	return strings.Trim(label, "0123456789") == ""
}

// refusal says why a page of an origin gets no further, and what to do about
// it. Anybody may have written the origin.
func (g guard) refusal(origin, path string) string {
	const longest = 100
	shown := origin
	if len(shown) > longest {
		shown = shown[:longest] + "..."
	}
	remedy := "no page of it can be let in"
	switch {
	case origin == "null":
		remedy = "files and sandboxed frames have no other; serve the page over http, and name its origin with -origin"
	case slices.Contains(g.origins, origin):
		remedy = "-origin lets its pages POST /track, /identify and /alias, and nothing else"
	case checkOrigin(origin) == nil:
		remedy = "-origin " + origin + " lets its pages send events"
	}
	text := "requests of the origin " + strconv.QuoteToASCII(shown) + " are refused: " + remedy
	if !ingests(path) {
		text += "; the console is used at its own address alone, " + g.url + "/, and not through a proxy"
	}
	return text
}
