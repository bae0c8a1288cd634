package hints

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/altertable-ai/altertable-go/altertabletest"
)

// OfRequest returns the hints about a request, given the environments that exist.
func OfRequest(r *altertabletest.Request, environments []string) []Hint {
	if r.Reason != "environment-not-found" {
		return nil
	}
	sent := "that was sent"
	if name, ok := unknownEnvironment(r.Body, environments); ok {
		sent = shownName(name)
	}
	known := make([]string, 0, len(environments))
	for _, environment := range environments[:min(len(environments), 10)] {
		known = append(known, shownName(environment))
	}
	return []Hint{{"unknown-environment", fmt.Sprintf("The environment %s does not exist, only %s: send one that exists, or create it first (here with -environment).",
		sent, strings.Join(known, ", "))}}
}

// unknownEnvironment returns the first environment in a body that does not exist.
func unknownEnvironment(body []byte, known []string) (name string, found bool) {
	decoder := json.NewDecoder(bytes.NewReader(body))
	if bytes.HasPrefix(bytes.TrimSpace(body), []byte("[")) {
		if _, err := decoder.Token(); err != nil {
			return "", false
		}
	}
	for decoder.More() {
		var message map[string]json.RawMessage // a struct would take "Environment" as well
		var environment string
		if decoder.Decode(&message) != nil || json.Unmarshal(message["environment"], &environment) != nil {
			return "", false
		}
		if !slices.Contains(known, environment) {
			return environment, true
		}
	}
	return "", false
}
