package source

import (
	"net/url"
	"strings"
)

func isPostgres(path string) bool {
	return strings.HasPrefix(path, "postgres://") || strings.HasPrefix(path, "postgresql://")
}

// withDefaults has the connection named, for whoever looks after the server and for
// cancelPostgres, and does not wait without end for a host that never answers.
func withDefaults(address, name string, lookupEnv func(string) (string, bool)) string {
	u, err := url.Parse(address)
	if err != nil {
		return address
	}
	given := u.Query()
	_, timeout := lookupEnv("PGCONNECT_TIMEOUT")
	_, service := lookupEnv("PGSERVICE") // which may have one
	var more []string
	if !given.Has("application_name") {
		more = append(more, "application_name="+name)
	}
	if !timeout && !service && !given.Has("connect_timeout") && !given.Has("service") {
		more = append(more, "connect_timeout=20")
	}
	separator := "?"
	if strings.Contains(address, "?") {
		separator = "&"
	}
	if len(more) == 0 {
		return address
	}
	return address + separator + strings.Join(more, "&")
}

// withoutSecrets takes the address out of a sentence, and every part of it that
// may be a password.
func withoutSecrets(text, address string) string {
	secrets := []string{address}
	if u, err := url.Parse(address); err == nil {
		if password, ok := u.User.Password(); ok {
			_, raw, _ := strings.Cut(u.User.String(), ":")
			secrets = append(secrets, raw, password)
		}
		for _, name := range []string{"password", "passfile", "sslpassword"} {
			secrets = append(secrets, u.Query().Get(name), url.QueryEscape(u.Query().Get(name)))
		}
	}
	for _, secret := range secrets {
		if secret != "" {
			text = strings.ReplaceAll(text, secret, "...")
		}
	}
	return text
}
