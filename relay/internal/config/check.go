package config

import (
	"crypto/sha256"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"runtime"

	"github.com/altertable-ai/altertable-go"
)

const defaultAPI = "https://api.altertable.ai"

// setTenants makes the tenants of the file's entries, or else the one of the
// variables.
func (c *Config) setTenants(entries []tenantEntry, getenv func(string) string, wrong *problems) {
	if len(entries) == 0 {
		c.setOneTenant(getenv, wrong)
		return
	}
	c.HasTenants = true
	if c.use == Serve && getenv(tokenVariable) != "" {
		wrong.add(tokenVariable, "is the token of a relay without tenants; the file's have their own")
	}
	for _, e := range entries {
		t := e.tenant
		if !e.given["rate"] {
			t.Rate = c.each.Rate
		}
		if !e.given["max-bytes"] {
			t.MaxBytes = c.each.MaxBytes
		}
		if !e.given["max-in-flight"] {
			t.MaxInFlight = c.each.MaxInFlight
		}
		t.AnyToken = len(t.Tokens) == 0
		if t.AnyToken && len(entries) > 1 && c.Intake && c.use == Serve {
			wrong.add(e.where, "has no tokens: with several tenants, they say whose an event is")
		}
		if c.use == Serve && c.Drain && !c.isOfflineAsked() {
			c.setKey(&t, e, getenv, wrong)
		}
		c.Tenants = append(c.Tenants, t)
	}
}

// setKey reads a tenant's key from where the file says it is.
func (c *Config) setKey(t *Tenant, e tenantEntry, getenv func(string) string, wrong *problems) {
	env, path := e.given["api-key-env"], e.given["api-key-file"]
	var err error
	where := e.env.where
	switch {
	case env && path:
		wrong.add(e.where, "has api_key_env and api_key_file: one of them")
	case env && e.env.where != "":
		t.KeyFrom = e.env.text
		t.APIKey, err = keyOfVariable(e.env.text, getenv)
	case path && e.file.where != "":
		var note string
		where, t.KeyFrom = e.file.where, e.file.text
		t.APIKey, note, err = keyOfFile(e.file.text)
		if note != "" {
			c.Notes = append(c.Notes, where+": "+note)
		}
	case !env && !path:
		wrong.add(e.where, "has no API key: api_key_env names a variable, api_key_file a file; --api "+Offline+" needs none")
	}
	if err != nil {
		wrong.add(where, err.Error())
	}
}

// setOneTenant makes the tenant of a relay whose file names none.
func (c *Config) setOneTenant(getenv func(string) string, wrong *problems) {
	t := c.each
	t.Name, t.AnyToken = DefaultTenant, true
	if token := getenv(tokenVariable); token != "" {
		t.Tokens, t.AnyToken = []Token{{SHA256: sha256.Sum256([]byte(token))}}, false
		if err := checkToken(token); err != nil && c.use == Serve {
			wrong.add(tokenVariable, err.Error())
		}
	}
	if key := getenv(keyVariable); key != "" && c.use == Serve && c.Drain && !c.isOfflineAsked() {
		t.APIKey, t.KeyFrom = key, keyVariable
		if err := checkKey(key); err != nil {
			wrong.add(keyVariable, err.Error())
		}
	}
	c.Tenants = []Tenant{t}
}

func (c *Config) isOfflineAsked() bool { return c.Given("api") && c.API == "" }

// check finds what contradicts something else, and sets what depends on it.
func (c *Config) check(getenv func(string) string, wrong *problems) {
	c.checkBroker(wrong)
	c.checkData(getenv, wrong)
	if c.use == Ask {
		return
	}
	c.checkKeysThere(wrong)
	c.checkListen(wrong)
	c.checkAPI(wrong)
	c.checkSpool(wrong)
	c.checkTLS(wrong)
	switch {
	case c.AckWait < c.PinnedTTL:
		wrong.add(c.called("ack-wait"), fmt.Sprintf("%v is out of range: at least pinned-ttl, %v", short(c.AckWait), short(c.PinnedTTL)))
	case !c.Drain && c.NATS == "":
		wrong.add(c.called("role"), "intake alone needs --nats: nobody else drains an embedded broker")
	}
}

func (c *Config) checkBroker(wrong *problems) {
	if c.NATS != "" && c.Given("data") {
		wrong.add(c.called("data"), "is of the embedded broker, and "+c.called("nats")+" of another one: one of them")
	}
	if c.NATS != "" && c.Given("sync") {
		wrong.add(c.called("sync"), "is of the embedded broker; the servers of a cluster have sync_interval in their own configuration")
	}
	for _, name := range []string{"nats-creds", "nats-ca", "nats-cert", "nats-key"} {
		if c.NATS == "" && c.Given(name) {
			wrong.add(c.called(name), "needs --nats")
		}
	}
	if (c.NATSCert == "") != (c.NATSKey == "") {
		wrong.add(c.called(given(c, "nats-cert", "nats-key")), "needs the other one of nats-cert and nats-key")
	}
	for _, path := range []struct{ name, value string }{{"nats-creds", c.NATSCreds}, {"nats-ca", c.NATSCA}, {"nats-cert", c.NATSCert}, {"nats-key", c.NATSKey}} {
		if path.value == "" {
			continue
		}
		if _, err := readAll(path.value, maxFile); err != nil {
			wrong.add(c.called(path.name), err.Error())
		}
	}
	switch {
	case c.Replicas == 0 && c.NATS != "":
		c.Replicas = 3
	case c.Replicas == 0:
		c.Replicas = 1
	case c.Replicas > 1 && c.NATS == "":
		wrong.add(c.called("replicas"), fmt.Sprintf("%d is out of range: 1, since the embedded broker is one node; 1 to 5 with --nats", c.Replicas))
	}
}

// given returns the first of two settings that is given.
func given(c *Config, one, other string) string {
	if c.Given(one) {
		return one
	}
	return other
}

// checkKeysThere finds out whether the relay drains into an embedded server. It
// does if nothing is configured that a service would need: otherwise a key that
// is missing by mistake would lose what was accepted.
func (c *Config) checkKeysThere(wrong *problems) {
	if !c.Drain || c.isOfflineAsked() || c.Tenants[0].APIKey != "" {
		return
	}
	for _, name := range []string{"api", "data", "nats", "listen", "spool"} {
		if c.Given(name) && (name != "listen" || !IsLoopback(c.Listen)) {
			wrong.add(keyVariable, "is not set, and "+c.called(name)+" is: set it to an ingestion key, which is found in the dashboard (https://altertable.ai/dashboard); to drain into an embedded server, --api "+Offline)
			return
		}
	}
	if !c.Tenants[0].AnyToken {
		wrong.add(keyVariable, "is not set, and "+tokenVariable+" is: set it to an ingestion key, which is found in the dashboard (https://altertable.ai/dashboard); to drain into an embedded server, --api "+Offline)
	}
}

// IsOffline reports whether the API is an embedded server.
func (c *Config) IsOffline() bool { return c.API == "" }

func (c *Config) checkAPI(wrong *problems) {
	if c.API == "" && !c.isOfflineAsked() && (!c.Drain || c.Tenants[0].APIKey != "") {
		c.API = defaultAPI
	}
	if c.API == "" {
		return
	}
	options := []altertable.Option{altertable.WithBaseURL(c.API)}
	if c.InsecureHTTP {
		options = append(options, altertable.WithInsecureHTTP())
	}
	if err := checkSDK(DefaultTenant, options...); err != nil {
		wrong.add(c.called("api"), err.Error())
		return
	}
	u, err := url.Parse(c.API)
	_, port, _ := net.SplitHostPort(c.Listen)
	if err == nil && port != "0" && port != "" && u.Port() == port && IsLoopback(u.Host) {
		wrong.add(c.called("api"), shown(c.API)+" is this relay itself")
	}
}

func (c *Config) checkListen(wrong *problems) {
	if !c.Intake {
		c.Listen = ""
		return
	}
	if c.Listen == "" && c.Tenants[0].AnyToken {
		c.Listen = "127.0.0.1:8480"
	} else if c.Listen == "" {
		c.Listen = ":8480"
	}
	_, port, _ := net.SplitHostPort(c.Listen)
	_, admin, _ := net.SplitHostPort(c.AdminListen)
	switch {
	case c.Tenants[0].AnyToken && !IsLoopback(c.Listen):
		wrong.add(c.called("listen"), fmt.Sprintf("%s can be reached by others, who need no token: set %s, or list tokens in the file, or listen on 127.0.0.1", shown(c.Listen), tokenVariable))
	case port == admin && port != "0":
		wrong.add(c.called("admin-listen"), fmt.Sprintf("%s has the port of --listen", shown(c.AdminListen)))
	}
}

func (c *Config) checkSpool(wrong *problems) {
	switch {
	case (c.SpoolDir == "") != (c.SpoolName == ""):
		wrong.add(c.called(given(c, "spool", "spool-name")), "needs the other one of spool and spool-name")
	case c.SpoolDir != "" && len(c.Tenants) > 1:
		wrong.add(c.called("spool"), fmt.Sprintf("needs one tenant, not %d: a spool does not say whose it is", len(c.Tenants)))
	case c.SpoolDir != "" && !c.Intake:
		wrong.add(c.called("spool"), "needs the role intake, by which the events go")
	}
}

// checkData sets the data directory of a relay that is told nothing. The one of
// an embedded API is another, so that it never swallows events of a real one.
func (c *Config) checkData(getenv func(string) string, wrong *problems) {
	if c.Data != "" {
		switch info, err := os.Stat(c.Data); {
		case err != nil: // the broker makes it
		case !info.IsDir():
			wrong.add(c.called("data"), shown(c.Data)+" is a file, not a directory")
		case runtime.GOOS != "windows" && info.Mode().Perm()&0o002 != 0:
			c.Notes = append(c.Notes, fmt.Sprintf("%s, the data directory, can be written by every user, who could put another admin.sock there: mode %#o", shown(c.Data), info.Mode().Perm()))
		}
		return
	}
	if c.NATS != "" {
		return
	}
	offline := c.isOfflineAsked() || c.API == "" && c.Tenants[0].APIKey == "" && (c.use == Serve || getenv(keyVariable) == "")
	data, err := DefaultData(offline)
	if err != nil {
		wrong.add("--data", "must be set: "+err.Error())
	}
	c.Data = data
}

// DefaultData returns the data directory of a relay that is told none.
func DefaultData(offline bool) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	name := "altertable-relay"
	if offline {
		name += "-offline"
	}
	return filepath.Join(cache, name), nil
}
