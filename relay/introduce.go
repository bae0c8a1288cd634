package main

import (
	"fmt"
	"io"
	"net"

	"github.com/altertable-ai/altertable-go"
	"github.com/altertable-ai/altertable-go/relay/internal/config"
)

// introduce says where things are, and how a service sends here.
func (r *relay) introduce(out io.Writer) {
	c := r.config
	fmt.Fprintf(out, "altertable-relay %s\n\n", altertable.Version)
	if c.Intake {
		fmt.Fprintf(out, "producers  %s, %s\n", r.url, tokensOf(c))
	}
	if url := r.admin.url(); url != "" {
		fmt.Fprintf(out, "admin      %s: /healthz, /readyz, /metrics\n", url)
	}
	if c.NATS != "" {
		fmt.Fprintf(out, "stored in  %s, %s\n", c.NATS, copies(c.Replicas))
	} else {
		fmt.Fprintf(out, "stored in  %s\n", c.Data)
	}
	switch {
	case !c.Drain:
		fmt.Fprintln(out, "API        another relay delivers")
	case r.offline != nil && c.Given("api"):
		fmt.Fprintln(out, "API        an embedded server, nothing leaves this machine")
	case r.offline != nil:
		fmt.Fprintln(out, "API        no API key: draining into an embedded server, nothing leaves this machine")
	default:
		fmt.Fprintf(out, "API        %s\n", c.API)
	}
	if c.SpoolDir != "" {
		fmt.Fprintf(out, "spools     %q in %s\n", c.SpoolName, c.SpoolDir)
	}
	if !c.Intake {
		return
	}
	key := "YOUR_RELAY_TOKEN" // tokens are not repeated anywhere
	if c.Tenants[0].AnyToken {
		key = "any"
	}
	fmt.Fprintf(out, `
For a service that calls altertable.NewFromEnv:

export ALTERTABLE_BASE_URL=%s
export ALTERTABLE_API_KEY=%s

`, r.url, key)
}

func copies(n int) string {
	if n == 1 {
		return "1 copy"
	}
	return fmt.Sprintf("%d copies", n)
}

func tokensOf(c *config.Config) string {
	switch {
	case c.Tenants[0].AnyToken:
		return "any token"
	case len(c.Tenants) > 1:
		return counted(len(c.Tenants), "tenant")
	}
	return counted(len(c.Tenants[0].Tokens), "token")
}

// urlOf returns what a service on this machine, or beside it, is pointed at.
func urlOf(addr net.Addr, c *config.Config) string {
	host, port, _ := net.SplitHostPort(addr.String())
	if ip := net.ParseIP(host); ip == nil || ip.IsUnspecified() {
		host = "localhost"
	}
	scheme := "http"
	if c.TLSCert != "" {
		scheme = "https"
	}
	return scheme + "://" + net.JoinHostPort(host, port)
}
