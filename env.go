package altertable

import (
	"fmt"
	"os"
	"slices"
	"strconv"
)

const (
	keyVariable          = "ALTERTABLE_API_KEY"
	insecureHTTPVariable = "ALTERTABLE_INSECURE_HTTP"
	disabledVariable     = "ALTERTABLE_DISABLED"
)

// NewFromEnv is New with the key and some options from environment variables:
//
//	ALTERTABLE_API_KEY        the ingestion key; required, unless the client is disabled
//	ALTERTABLE_BASE_URL       WithBaseURL: a URL, by default https://api.altertable.ai
//	ALTERTABLE_ENVIRONMENT    WithEnvironment: a name, by default production
//	ALTERTABLE_RELEASE        WithRelease: any text, by default none
//	ALTERTABLE_DISABLED       WithDisabled: a bool, by default false
//	ALTERTABLE_SPOOL          WithSpool: a directory, by default none
//	ALTERTABLE_INSECURE_HTTP  WithInsecureHTTP: a bool, by default false
//
// A bool is what strconv.ParseBool reads: true, false, 1, 0. An empty variable
// counts as one that is not set.
//
// An option in opts replaces its variable, which is then not looked at. There is
// none for the key. WithSpool with an empty directory takes it from
// ALTERTABLE_SPOOL, so that code can set the spool's options; if that is not set
// either, there is no spool.
//
// It blocks and fails as New does. The *ConfigError names the variable where that
// is to blame; it never holds the key. The variables are read once.
func NewFromEnv(opts ...Option) (*Client, error) {
	return New(os.Getenv(keyVariable), append(slices.Clip(opts), readEnvironment)...)
}

// readEnvironment is the last Option of NewFromEnv: it sets what no other one did.
func readEnvironment(cfg *config) error {
	cfg.names.key = keyVariable
	for _, variable := range []struct {
		name  string
		given bool // an option replaces it
		set   func(cfg *config, name, value string) error
	}{
		{"ALTERTABLE_BASE_URL", cfg.given.baseURL, (*config).setBaseURL},
		{"ALTERTABLE_ENVIRONMENT", cfg.given.environment, (*config).setEnvironment},
		{"ALTERTABLE_RELEASE", cfg.given.release, (*config).setRelease},
		{disabledVariable, cfg.given.disabled, func(cfg *config, name, value string) error { return setBool(&cfg.disabled, name, value) }},
		{"ALTERTABLE_SPOOL", cfg.given.spool, (*config).setSpoolDir},
		{insecureHTTPVariable, cfg.given.insecureHTTP, func(cfg *config, name, value string) error { return setBool(&cfg.insecureHTTP, name, value) }},
	} {
		value := os.Getenv(variable.name)
		if value == "" || variable.given {
			continue
		}
		if err := variable.set(cfg, variable.name, value); err != nil {
			return err
		}
	}
	if cfg.spool != nil && cfg.spool.dir == "" {
		cfg.spool = nil
	}
	return nil
}

func (cfg *config) setRelease(name, value string) error {
	cfg.release, cfg.names.release = value, name
	return nil
}

func setBool(to *bool, name, value string) error {
	b, err := strconv.ParseBool(value)
	if err != nil {
		return &ConfigError{name, fmt.Sprintf("must be true, false, 1 or 0, got %q", value)}
	}
	*to = b
	return nil
}
