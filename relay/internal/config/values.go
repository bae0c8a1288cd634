package config

import (
	"errors"
	"fmt"
	"math"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"
)

func text(to func(*Config) *string) func(*Config, string) error {
	return func(c *Config, text string) error {
		if strings.TrimSpace(text) == "" {
			return fmt.Errorf("must not be blank, got %s", shown(text))
		}
		*to(c) = text
		return nil
	}
}

func directory(to func(*Config) *string) func(*Config, string) error {
	return func(c *Config, value string) error {
		for _, home := range []string{"~", "$HOME", "${HOME}"} {
			if strings.HasPrefix(value, home) {
				return fmt.Errorf("must not begin with %s, which only a shell expands, got %s", home, shown(value))
			}
		}
		return text(to)(c, value)
	}
}

func address(to func(*Config) *string) func(*Config, string) error {
	return func(c *Config, text string) error {
		host, port, err := net.SplitHostPort(text)
		switch {
		case err != nil || strings.ContainsAny(host, " /@%?#"):
			return fmt.Errorf("%s is not an address: host:port, such as :8480 or 127.0.0.1:8480", shown(text))
		case !isPort(port):
			return fmt.Errorf("port %s is out of range: 0 to 65535", shown(port))
		}
		*to(c) = text
		return nil
	}
}

func isPort(port string) bool {
	_, err := strconv.ParseUint(port, 10, 16)
	return err == nil
}

func setAdmin(c *Config, text string) error {
	if text == "none" {
		return nil
	}
	return address(func(c *Config) *string { return &c.AdminListen })(c, text)
}

// IsLoopback reports whether an address, host:port, is reached from this machine
// alone.
func IsLoopback(listen string) bool {
	host, _, _ := net.SplitHostPort(listen)
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

func duration(to func(*Config) *time.Duration, low, high time.Duration) func(*Config, string) error {
	return func(c *Config, text string) error {
		d, err := time.ParseDuration(text)
		switch {
		case err != nil:
			return fmt.Errorf("%s is not a time: a number with its unit, such as 500ms, 15s or 2m", shown(text))
		case d < low || d > high:
			return fmt.Errorf("%v is out of range: %v to %v", short(d), short(low), short(high))
		}
		*to(c) = d
		return nil
	}
}

// short returns a duration without zeros at its end: "2m" for "2m0s".
func short(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

func whole(to func(*Config) *int, low, high int) func(*Config, string) error {
	return func(c *Config, text string) error {
		n, err := strconv.Atoi(text)
		switch {
		case err != nil:
			return fmt.Errorf("%s is not a number: %d to %d", shown(text), low, high)
		case n < low || n > high:
			return fmt.Errorf("%d is out of range: %d to %d", n, low, high)
		}
		*to(c) = n
		return nil
	}
}

func parseBool(text string) (bool, error) {
	b, err := strconv.ParseBool(text)
	if err != nil {
		return false, fmt.Errorf("must be true, false, 1 or 0, got %s", shown(text))
	}
	return b, nil
}

func boolean(to func(*Config) *bool) func(*Config, string) error {
	return func(c *Config, text string) (err error) {
		*to(c), err = parseBool(text)
		return err
	}
}

func setSync(c *Config, text string) error {
	if text != "always" && text != "true" && text != "1" {
		return fmt.Errorf("must be always, got %s: what is answered 200 is on the disk", shown(text))
	}
	c.Sync = true
	return nil
}

func setCompression(c *Config, text string) error {
	if text != "s2" && text != "none" {
		return fmt.Errorf("must be s2 or none, got %s", shown(text))
	}
	c.Compress = text == "s2"
	return nil
}

const minRate, maxRate = 0.001, 1_000_000

func setRate(to *float64, text string) error {
	rate, err := strconv.ParseFloat(text, 64)
	switch {
	case err != nil || math.IsNaN(rate):
		return fmt.Errorf("%s is not a number: requests a second, %v to %d, or 0 for as many as the API takes", shown(text), minRate, maxRate)
	case rate != 0 && (rate < minRate || rate > maxRate):
		return fmt.Errorf("%v is out of range: requests a second, %v to %d, or 0 for as many as the API takes", rate, minRate, maxRate)
	}
	*to = rate
	return nil
}

func setMaxBytes(c *Config, text string) (err error) {
	c.each.MaxBytes, err = parseSize(text)
	return err
}

func setRole(c *Config, text string) error {
	c.Intake, c.Drain = false, false
	for _, role := range strings.Split(text, ",") {
		switch strings.TrimSpace(role) {
		case "intake":
			c.Intake = true
		case "drain":
			c.Drain = true
		default:
			return fmt.Errorf("must be intake, drain or intake,drain, got %s", shown(text))
		}
	}
	return nil
}

func setLevel(c *Config, text string) error {
	switch text {
	case "debug", "info", "warn", "error":
		return c.LogLevel.UnmarshalText([]byte(text))
	}
	return fmt.Errorf("must be debug, info, warn or error, got %s", shown(text))
}

func setProxies(c *Config, text string) error {
	c.TrustedProxies = nil
	for _, network := range strings.Split(text, ",") {
		prefix, err := parseNetwork(strings.TrimSpace(network))
		if err != nil {
			return err
		}
		c.TrustedProxies = append(c.TrustedProxies, prefix)
	}
	return nil
}

func parseNetwork(text string) (netip.Prefix, error) {
	if ip, err := netip.ParseAddr(text); err == nil && ip.Zone() == "" {
		ip = ip.Unmap()
		return netip.PrefixFrom(ip, ip.BitLen()), nil
	}
	prefix, err := netip.ParsePrefix(text)
	if err == nil && prefix.Addr().Is4In6() { // a client's address is compared as IPv4
		const before = 96 // bits
		prefix = netip.PrefixFrom(prefix.Addr().Unmap(), max(0, prefix.Bits()-before))
	}
	switch {
	case err != nil:
		return prefix, fmt.Errorf("%s is not a network: an address and its bits, such as 10.0.0.0/8, or one address", shown(text))
	case prefix.Bits() == 0:
		return prefix, fmt.Errorf("%s is every address: anybody could then say who sent an event", shown(text))
	case prefix != prefix.Masked():
		return prefix, fmt.Errorf("%s has bits beyond its length: write %s", shown(text), prefix.Masked())
	}
	return prefix, nil
}

func setNATS(c *Config, text string) error {
	if strings.Contains(text, "@") { // what is before it may be a password
		return errors.New("must have no user, password or token: use nats-creds, or nats-cert and nats-key")
	}
	for _, one := range strings.Split(text, ",") {
		u, err := url.Parse(strings.TrimSpace(one))
		switch {
		case err != nil || u.Hostname() == "" || u.Scheme != "nats" && u.Scheme != "tls":
			return fmt.Errorf("%s is not a list of URLs: nats://host:4222 or tls://host:4222, with commas between them", shown(text))
		case u.Port() != "" && !isPort(u.Port()):
			return fmt.Errorf("port %s is out of range: 1 to 65535", shown(u.Port()))
		case u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "":
			return fmt.Errorf("%s must be a scheme, a host and a port, such as nats://host:4222", shown(one))
		}
	}
	c.NATS = text
	return nil
}
