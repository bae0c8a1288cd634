package main

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/altertable-ai/altertable-go"
)

const (
	defaultBaseURL     = "https://api.altertable.ai"
	defaultEnvironment = "production"
)

// A target is where messages go.
type target struct {
	key, baseURL, environment string
	insecureHTTP, disabled    bool
}

// readTarget reads the variables. -environment wins over its one.
func readTarget(getenv func(string) string, environment string) (target, error) {
	t := target{
		key:         getenv("ALTERTABLE_API_KEY"),
		baseURL:     getenv("ALTERTABLE_BASE_URL"),
		environment: environment,
	}
	if t.baseURL == "" {
		t.baseURL = defaultBaseURL
	}
	if t.environment == "" {
		t.environment = getenv("ALTERTABLE_ENVIRONMENT")
	}
	if t.environment == "" {
		t.environment = defaultEnvironment
	}
	for name, to := range map[string]*bool{"ALTERTABLE_INSECURE_HTTP": &t.insecureHTTP, "ALTERTABLE_DISABLED": &t.disabled} {
		value := getenv(name)
		if value == "" {
			continue
		}
		var err error
		if *to, err = strconv.ParseBool(value); err != nil {
			return t, fmt.Errorf("%s takes true, false, 1 or 0", name)
		}
	}
	return t, nil
}

// check asks the SDK whether it takes the values.
func (t *target) check() error {
	options := []altertable.Option{altertable.WithBaseURL(t.baseURL), altertable.WithEnvironment(t.environment)}
	if t.insecureHTTP {
		options = append(options, altertable.WithInsecureHTTP())
	}
	client, err := altertable.New(t.key, options...)
	var wrong *altertable.ConfigError
	if errors.As(err, &wrong) {
		return fmt.Errorf("%s %s", saidBy[wrong.Option], strings.ReplaceAll(wrong.Reason, "with WithInsecureHTTP", "with ALTERTABLE_INSECURE_HTTP=true"))
	}
	if err != nil {
		return err
	}
	return client.Close()
}

// saidBy is what the command has for the SDK's options that check uses.
var saidBy = map[string]string{
	"apiKey":          "ALTERTABLE_API_KEY",
	"WithBaseURL":     "ALTERTABLE_BASE_URL",
	"WithEnvironment": "-environment, or ALTERTABLE_ENVIRONMENT,",
}

// name is the base URL for people, without what may be secret in it.
func (t *target) name() string {
	u, err := url.Parse(t.baseURL)
	if err != nil {
		return "ALTERTABLE_BASE_URL"
	}
	u.User, u.RawQuery, u.Fragment = nil, "", ""
	return strings.TrimSuffix(u.String(), "/")
}
