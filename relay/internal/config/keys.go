package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"

	"github.com/altertable-ai/altertable-go"
)

// setAPI keeps the URL; check looks at it, with what it depends on.
func setAPI(c *Config, text string) error {
	if text != Offline {
		c.API = text
	}
	return nil
}

// checkSDK says what the SDK has against a key or a URL.
func checkSDK(key string, options ...altertable.Option) error {
	client, err := altertable.New(key, append(options, altertable.WithDisabled(true))...)
	if client != nil {
		client.Close()
	}
	var wrong *altertable.ConfigError
	if errors.As(err, &wrong) {
		return errors.New(strings.ReplaceAll(wrong.Reason, "WithInsecureHTTP", "insecure-http"))
	}
	return err
}

// anyKey is what services send to a relay that takes any token.
const anyKey = "any"

func checkKey(key string) error {
	if key == anyKey {
		return fmt.Errorf("is %q, which services send to a relay that takes any token; the API's key is found in the dashboard (https://altertable.ai/dashboard); without one the relay drains into an embedded server", anyKey)
	}
	return checkSDK(key)
}

// conventional is how variables are named. What looks otherwise may be a key in
// the place of a name, and is not shown.
var conventional = regexp.MustCompile(`^[A-Z][A-Z0-9_]{0,63}$`)

// keyOfVariable reads api_key_env.
func keyOfVariable(name string, getenv func(string) string) (string, error) {
	if !conventional.MatchString(name) {
		return "", errors.New("must be the name of a variable, not a key: capital letters, digits and _, such as SHOP_API_KEY")
	}
	key := getenv(name)
	if key == "" {
		return "", fmt.Errorf("the variable %s is not set", name)
	}
	if err := checkKey(key); err != nil {
		return "", fmt.Errorf("the variable %s: %w", name, err)
	}
	return key, nil
}

const maxKeyFile = 4 << 10

// keyOfFile reads api_key_file. note is a sentence about what is better changed.
func keyOfFile(path string) (key, note string, err error) {
	if !strings.ContainsAny(path, `/\.`) {
		return "", "", errors.New("must be the path of a file, with a slash, such as /run/secrets/shop; not a key")
	}
	name := shown(path)
	if !filepath.IsAbs(path) && path[0] != '.' {
		name = "the file that it names" // a key may have a slash or a dot, too
	}
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return "", "", fmt.Errorf("cannot read %s: %w", name, cause(err))
	case !info.Mode().IsRegular():
		return "", "", fmt.Errorf("%s is not a regular file", name)
	case runtime.GOOS != "windows" && info.Mode().Perm()&0o022 != 0:
		return "", "", fmt.Errorf("%s can be written by others: mode %#o, at most 0644", name, info.Mode().Perm())
	case runtime.GOOS != "windows" && info.Mode().Perm()&0o004 != 0:
		note = fmt.Sprintf("%s, which has a key, can be read by every user: mode %#o", name, info.Mode().Perm())
	}
	content, err := readAll(path, maxKeyFile)
	if err != nil { // it was there a moment ago, so it is a path
		return "", "", err
	}
	key = strings.TrimSuffix(strings.TrimSuffix(string(content), "\n"), "\r")
	if strings.TrimSpace(key) == "" {
		return "", "", fmt.Errorf("%s is empty", name)
	}
	if err := checkKey(key); err != nil {
		return "", "", fmt.Errorf("%s: %w", name, err)
	}
	return key, note, nil
}

// checkToken says what is against ALTERTABLE_RELAY_TOKEN.
func checkToken(token string) error {
	switch {
	case strings.HasPrefix(token, "atm_"):
		return errors.New("must be a token that you made up for producers, not a management key, which begins with atm_")
	case strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }):
		return errors.New("must not have white space, a line break (as at the end of a file) or a character that no HTTP header can carry")
	}
	return nil
}
