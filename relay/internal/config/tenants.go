package config

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"github.com/altertable-ai/altertable-go/relay/internal/broker"
)

// A tenantEntry is a tenant of the file.
type tenantEntry struct {
	where  string // "relay.yaml:7: tenants[1]"
	tenant Tenant
	env    entryText // api_key_env
	file   entryText // api_key_file
	given  map[string]bool
}

// An entryText is a value of the file and what errors call it.
type entryText struct{ where, text string }

// tenants reads the list of them.
func (f *file) tenants(e entry) []tenantEntry {
	list, ok := e.node.(*ast.SequenceNode)
	if !ok || len(list.Values) == 0 {
		f.add(e.line, "tenants", "must be a list of at least one tenant: [{name: shop, ...}]")
		return nil
	}
	var tenants []tenantEntry
	names, dead := map[string]int{}, map[string]string{}
	for i, node := range list.Values {
		what := indexed("tenants", i)
		t := f.tenant(node, what)
		t.where = fmt.Sprintf("%s:%d: %s", f.name, lineOf(node), what)
		if first, again := names[t.tenant.Name]; again && t.tenant.Name != "" {
			f.wrong.add(t.where, fmt.Sprintf("has the name %s of tenants[%d]", shown(t.tenant.Name), first))
		}
		// The directories of their streams are one where case does not count.
		if of, isDead := strings.CutSuffix(t.tenant.Name, "_dlq"); isDead {
			dead[of] = t.where
		}
		names[t.tenant.Name] = i
		tenants = append(tenants, t)
	}
	for of, where := range dead {
		if i, both := names[of]; both {
			f.wrong.add(where, fmt.Sprintf("has the name of tenants[%d] with _dlq, as its dead letters have", i))
		}
	}
	f.checkTokens(tenants)
	return tenants
}

func (f *file) tenant(node ast.Node, what string) tenantEntry {
	t := tenantEntry{given: map[string]bool{}}
	for _, e := range f.entries(node, what) {
		t.given[e.key] = true
		var err error
		switch at := join(what, e.key); e.key {
		case "environments":
			t.tenant.Environments, _ = f.texts(e.node, e, at)
			err = checkEnvironments(t.tenant.Environments)
		case "origins":
			t.tenant.Origins, _ = f.texts(e.node, e, at)
			err = checkOrigins(t.tenant.Origins)
		case "tokens":
			t.tenant.Tokens = f.tokens(e, at)
		case "name", "api-key-env", "api-key-file", "rate", "max-bytes", "max-in-flight":
			if text, ok := f.scalar(e, at); ok {
				err = t.set(e.key, entryText{fmt.Sprintf("%s:%d: %s", f.name, e.line, at), text})
			}
		default:
			f.unknown(e, what)
		}
		if err != nil {
			f.add(e.line, join(what, e.key), err.Error())
		}
	}
	if !t.given["name"] {
		f.add(lineOf(node), what, "has no name")
	}
	return t
}

// set sets what has one plain value.
func (t *tenantEntry) set(key string, value entryText) error {
	switch key {
	case "name":
		if err := broker.CheckTenant(value.text); err != nil {
			return fmt.Errorf("%s %w", shown(value.text), err)
		}
		t.tenant.Name = value.text
	case "api-key-env":
		t.env = value
	case "api-key-file":
		t.file = value
	default:
		c := &Config{}
		if err := settingOf(key).set(c, value.text); err != nil {
			return err
		}
		t.tenant.Rate += c.each.Rate
		t.tenant.MaxBytes += c.each.MaxBytes
		t.tenant.MaxInFlight += c.each.MaxInFlight
	}
	return nil
}

// tokens reads a list of {sha256, browser}. No error repeats a value, or the name of
// an unknown key: it may be the token.
func (f *file) tokens(e entry, what string) []Token {
	list, ok := e.node.(*ast.SequenceNode)
	if !ok || len(list.Values) == 0 {
		f.add(e.line, what, "must be a list of at least one token: [{sha256: ...}]")
		return nil
	}
	var tokens []Token
	for i, node := range list.Values {
		what := indexed(what, i)
		if _, ok := scalar(node); ok {
			f.add(lineOf(node), what, "must be {sha256: ...}, 64 hexadecimal digits; a token itself does not belong in this file")
			continue
		}
		var token Token
		hashed := false
		for _, e := range f.entries(node, what) {
			if e.key != "sha256" && e.key != "browser" {
				f.add(e.line, what, "has a key that is not a setting of a token: sha256, browser")
				continue
			}
			text, ok := f.scalar(e, join(what, e.key))
			var err error
			switch {
			case !ok:
			case e.key == "sha256":
				hashed = true
				token.SHA256, err = parseHash(text)
			default:
				if token.Browser, err = parseBool(text); err != nil {
					err = errors.New("must be true, false, 1 or 0")
				}
			}
			if err != nil {
				f.add(e.line, join(what, e.key), err.Error())
			}
		}
		if !hashed {
			f.add(lineOf(node), what, "has no sha256")
		}
		tokens = append(tokens, token)
	}
	return tokens
}

func parseHash(text string) (hash [32]byte, err error) {
	bytes, err := hex.DecodeString(text)
	switch {
	case err != nil || len(bytes) != len(hash):
		return hash, fmt.Errorf("must be the SHA-256 of the token: 64 hexadecimal digits")
	case [32]byte(bytes) == sha256.Sum256(nil), [32]byte(bytes) == sha256.Sum256([]byte("\n")):
		return hash, fmt.Errorf("is the SHA-256 of an empty token")
	}
	return [32]byte(bytes), nil
}

// checkTokens refuses a token of two tenants: it would not say whose an event is.
func (f *file) checkTokens(tenants []tenantEntry) {
	owner := map[[32]byte]string{}
	for i, t := range tenants {
		for j, token := range t.tenant.Tokens {
			what := indexed(indexed("tenants", i)+".tokens", j)
			if first, again := owner[token.SHA256]; again && token.SHA256 != [32]byte{} {
				f.wrong.add(f.name+": "+what, "is the token of "+first+", too")
			}
			owner[token.SHA256] = what
		}
	}
}

func checkEnvironments(names []string) error {
	for i, name := range names {
		switch {
		case strings.TrimSpace(name) == "":
			return fmt.Errorf("must not be blank, got %s", shown(name))
		case slices.Contains(names[:i], name):
			return fmt.Errorf("%s is there twice", shown(name))
		}
	}
	return nil
}
