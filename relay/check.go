package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/altertable-ai/altertable-go/relay/internal/broker"
	"github.com/altertable-ai/altertable-go/relay/internal/config"
)

// A trial tries what is configured, a line for each step.
type trial struct {
	config *config.Config
	t      terminal
	failed bool
}

func checkCommand(ctx context.Context, args []string, t terminal) int {
	c, exit := t.parse("check", args, config.Serve, nil)
	if c == nil {
		return exit
	}
	k := &trial{config: c, t: t}
	k.report("configuration", fmt.Sprintf("%s: %s", counted(len(c.Tenants), "tenant"), strings.Join(c.Names(), ", ")), nil)
	for _, note := range c.Notes {
		fmt.Fprintf(t.out, "note  %s\n", note)
	}
	k.tryBroker(ctx)
	k.tryKeys(ctx)
	if k.failed {
		return exitFailed
	}
	return exitOK
}

// report writes the line of a step.
func (k *trial) report(step, text string, err error) {
	verdict := "ok  "
	if err != nil {
		verdict, text, k.failed = "FAIL", err.Error(), true
	}
	fmt.Fprintf(k.t.out, "%s  %-14s %s\n", verdict, step, text)
}

// tryBroker asks the relay that runs, or looks at the broker that it would use.
func (k *trial) tryBroker(ctx context.Context) {
	c := k.config
	if _, err := os.Stat(filepath.Join(c.Data, broker.StoreName)); c.NATS == "" && errors.Is(err, os.ErrNotExist) {
		k.report("broker", "embedded, and new: "+c.Data, writable(c.Data))
		return
	}
	to, err := find(ctx, c, k.t)
	if err != nil {
		k.report("broker", "", err)
		return
	}
	defer to.close()
	k.tryTarget(ctx, to)
}

// writable says why a directory could not be made, without making it.
func writable(path string) error {
	for {
		info, err := os.Stat(path)
		switch parent := filepath.Dir(path); {
		case errors.Is(err, os.ErrNotExist) && parent != path:
			path = parent
		case err != nil:
			return err
		case !info.IsDir():
			return fmt.Errorf("%s is not a directory", path)
		default:
			probe, err := os.MkdirTemp(path, ".altertable-relay-check-*")
			if err != nil {
				return err
			}
			return os.Remove(probe)
		}
	}
}

func (k *trial) tryTarget(ctx context.Context, to target) {
	s, err := to.status(ctx)
	switch {
	case err != nil:
		k.report("broker", "", err)
		return
	case s.Running && !s.Ready:
		k.report("broker", "", errors.New("the relay runs, and is not ready: "+s.Reason))
	case s.Running:
		k.report("broker", "the relay runs, and is ready", nil)
	case s.NATS != "":
		k.report("broker", "the cluster answers", nil)
	default:
		k.report("broker", "embedded, and no relay runs: "+s.Data, nil)
	}
	for _, t := range s.Tenants {
		if t.Absent {
			k.report("streams", t.Name+": not there yet, serve makes them", nil)
			continue
		}
		err := error(nil)
		if t.Error != "" {
			err = errors.New(t.Error)
		}
		k.report("streams", fmt.Sprintf("%s: about %s stored, %s", t.Name, counted(int(t.Stored.Events), "event"), counted(int(t.Stored.DeadLetters), "dead letter")), err)
	}
}

// tryKeys sends an empty batch with each tenant's key, which stores nothing.
func (k *trial) tryKeys(ctx context.Context) {
	c := k.config
	switch {
	case !c.Drain:
		k.report("API", "another relay delivers", nil)
		return
	case c.IsOffline():
		k.report("API", "no API key: an embedded server", nil)
		return
	}
	for _, t := range c.Tenants {
		k.report("API", fmt.Sprintf("%s: %s takes the key of %s", t.Name, c.API, t.KeyFrom), tryKey(ctx, c.API, t))
	}
}

const apiTime = 10 * time.Second

func tryKey(ctx context.Context, api string, t config.Tenant) error {
	ctx, cancel := context.WithTimeout(ctx, apiTime)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(api, "/")+"/track", strings.NewReader("[]"))
	if err != nil {
		return fmt.Errorf("%s: %w", t.Name, err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-API-Key", t.APIKey)
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	defer client.CloseIdleConnections()
	resp, err := client.Do(r)
	if err != nil {
		return fmt.Errorf("%s: no answer: %w", t.Name, errors.Unwrap(err))
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10))
	return verdictOn(resp.StatusCode, t)
}

// verdictOn says what an answer of the API means for the operator.
func verdictOn(status int, t config.Tenant) error {
	switch {
	case status >= 200 && status < 300:
		return nil
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return fmt.Errorf("%s: the API refused the key (%d): is %s an ingestion key of this project, and not revoked? see https://altertable.ai/dashboard", t.Name, status, t.KeyFrom)
	case status >= 300 && status < 400:
		return fmt.Errorf("%s: the API sends us elsewhere (%d): --api is not its address", t.Name, status)
	case status == http.StatusNotFound || status == http.StatusMethodNotAllowed:
		return fmt.Errorf("%s: there is no API at --api (%d)", t.Name, status)
	case status == http.StatusTooManyRequests:
		return fmt.Errorf("%s: the API asks for fewer requests (429): see --rate", t.Name)
	}
	return fmt.Errorf("%s: the API answered %d", t.Name, status)
}
