package config

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// checkOrigins refuses what no browser sends as the origin of a page: it would
// never match.
func checkOrigins(origins []string) error {
	for i, origin := range origins {
		if err := checkOrigin(origin); err != nil {
			return err
		}
		if slices.Contains(origins[:i], origin) {
			return fmt.Errorf("%s is there twice", shown(origin))
		}
	}
	return nil
}

func checkOrigin(text string) error {
	const form = "scheme://host or scheme://host:port, such as https://shop.example"
	u, err := url.Parse(text)
	switch {
	case text == "*" || text == "null":
		return fmt.Errorf("%s would let pages of the whole web in: name each origin, %s", shown(text), form)
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
		return fmt.Errorf("%s is not an origin: %s", shown(text), form)
	case u.Scheme+"://"+u.Host != text:
		return fmt.Errorf("%s has more than an origin, which ends with its host or port: %s", shown(text), form)
	case strings.ToLower(text) != text:
		return fmt.Errorf("%s is not as browsers write it: %s", shown(text), shown(strings.ToLower(text)))
	case strings.ContainsAny(u.Host, "*"):
		return fmt.Errorf("%s has a *: name each origin, %s", shown(text), form)
	case strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }):
		return fmt.Errorf("%s is not as browsers write it: %s", shown(text), form)
	case u.Port() == "" && strings.HasSuffix(u.Host, ":") || u.Port() != "" && !isPort(u.Port()):
		return fmt.Errorf("port %s is out of range: 1 to 65535", shown(u.Port()))
	case u.Scheme == "http" && u.Port() == "80" || u.Scheme == "https" && u.Port() == "443":
		return fmt.Errorf("%s is not as browsers write it: without the port that %s has anyway", shown(text), u.Scheme)
	}
	return nil
}
