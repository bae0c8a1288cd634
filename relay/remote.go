package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"time"

	"github.com/altertable-ai/altertable-go/relay/internal/config"
	"github.com/altertable-ai/altertable-go/relay/internal/deadletter"
)

// A target is what status and dlq ask: a relay that runs, or its broker.
type target interface {
	status(ctx context.Context) (status, error)
	tenants(ctx context.Context) ([]string, error)
	list(ctx context.Context, f deadletter.Filter, messages bool, each func(deadletter.Letter) error) error
	change(ctx context.Context, what string, f deadletter.Filter) (int, error) // "replay" or "purge"
	close()
}

// find returns the running relay: by the socket in --data, or by --admin-listen.
// Else it opens the store in --data, or connects with --nats. An address that was
// not given is asked only if no store was: it may be another relay's. One that others
// reach serves nothing of this.
func find(ctx context.Context, c *config.Config, t terminal) (target, error) {
	for _, socket := range sockets(c) {
		r := newRemote("unix", socket)
		err := r.answers(ctx)
		if err == nil {
			return r, nil
		}
		if errors.Is(err, fs.ErrPermission) {
			return nil, fmt.Errorf("%s is another user's: run this as the user whose relay it is", socket)
		}
	}
	var asked error
	if asksAddress(c) {
		r := newRemote("tcp", c.AdminListen)
		err := r.answers(ctx)
		if err == nil {
			return r, nil
		}
		if c.Given("admin-listen") {
			asked = fmt.Errorf("no relay answers at %s, on the loopback address, where alone this is served: %w", c.AdminListen, err)
		}
	}
	if asked != nil && !c.Given("data") && !c.Given("nats") {
		return nil, asked
	}
	s, err := openStore(ctx, c, t)
	if err != nil {
		return nil, errors.Join(asked, err)
	}
	return s, nil
}

// asksAddress reports whether the relay is looked for at --admin-listen. The usual
// address may be another relay's, if a store was named.
func asksAddress(c *config.Config) bool {
	return config.IsLoopback(c.AdminListen) && (c.Given("admin-listen") || !c.Given("data") && !c.Given("nats"))
}

// sockets returns where a relay that was started likewise has its socket. One without
// --data is another relay than that at an address which was given.
func sockets(c *config.Config) (paths []string) {
	if c.Given("data") {
		return []string{filepath.Join(c.Data, socketName)}
	}
	if c.NATS != "" || c.Given("admin-listen") && config.IsLoopback(c.AdminListen) {
		return nil
	}
	for _, offline := range []bool{false, true} {
		if data, err := config.DefaultData(offline); err == nil {
			paths = append(paths, filepath.Join(data, socketName))
		}
	}
	return paths
}

// A remote is a relay that runs.
type remote struct{ client *http.Client }

func newRemote(network, address string) *remote {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, network, address)
	}
	return &remote{&http.Client{
		Transport:     &http.Transport{DialContext: dial, ResponseHeaderTimeout: 10 * time.Minute}, // a replay may be large
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// do sends a request and returns the answer if that is one of a relay.
func (r *remote) do(ctx context.Context, method, path string, query url.Values) (*http.Response, error) {
	u := url.URL{Scheme: "http", Host: "localhost", Path: path, RawQuery: query.Encode()}
	q, err := http.NewRequestWithContext(ctx, method, u.String(), nil)
	if err != nil {
		return nil, err
	}
	q.Header.Set(controlHeader, "command")
	resp, err := r.client.Do(q)
	if err != nil {
		return nil, fmt.Errorf("the relay does not answer: %w", errors.Unwrap(err))
	}
	return resp, nil
}

// answers returns nil if a relay is there, and serves what is asked for.
func (r *remote) answers(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	_, err := r.status(ctx)
	return err
}

func (r *remote) status(ctx context.Context) (s status, err error) {
	resp, err := r.do(ctx, http.MethodGet, "/v1/status", nil)
	if err != nil {
		return s, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return s, refused(resp)
	}
	return s, json.NewDecoder(resp.Body).Decode(&s)
}

func (r *remote) tenants(ctx context.Context) (names []string, err error) {
	s, err := r.status(ctx)
	for _, t := range s.Tenants {
		names = append(names, t.Name)
	}
	return names, err
}

// refused returns the error of an answer that is none.
func refused(resp *http.Response) error {
	body, err := io.ReadAll(io.LimitReader(resp.Body, 4<<10))
	if err != nil {
		return err
	}
	var c change
	if json.Unmarshal(body, &c) == nil && c.Error != "" {
		return errors.New(c.Error)
	}
	return fmt.Errorf("the relay answered %d: %s", resp.StatusCode, bytes.TrimSpace(body))
}

func queryOf(f deadletter.Filter) url.Values {
	query := url.Values{}
	if f.Tenant != "" {
		query.Set("tenant", f.Tenant)
	}
	if f.Code != "" {
		query.Set("code", f.Code)
	}
	if !f.Since.IsZero() {
		query.Set("since", f.Since.Format(time.RFC3339Nano))
	}
	return query
}

func (r *remote) list(ctx context.Context, f deadletter.Filter, messages bool, each func(deadletter.Letter) error) error {
	query := queryOf(f)
	if messages {
		query.Set("messages", "true")
	}
	resp, err := r.do(ctx, http.MethodGet, "/v1/dlq", query)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return refused(resp)
	}
	for lines := json.NewDecoder(resp.Body); ; {
		var l line
		if err := lines.Decode(&l); err != nil {
			return errors.New("the list was cut off: the relay ended")
		}
		switch {
		case l.Error != "":
			return errors.New(l.Error)
		case l.End:
			return nil
		case l.Letter != nil:
			if err := each(*l.Letter); err != nil {
				return err
			}
		}
	}
}

func (r *remote) change(ctx context.Context, what string, f deadletter.Filter) (int, error) {
	resp, err := r.do(ctx, http.MethodPost, "/v1/dlq/"+what, queryOf(f))
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	var c change
	if err := json.NewDecoder(io.LimitReader(resp.Body, 64<<10)).Decode(&c); err != nil {
		return 0, fmt.Errorf("the relay answered %d and no number: %w", resp.StatusCode, err)
	}
	if c.Error != "" {
		return c.Count, errors.New(c.Error)
	}
	return c.Count, nil
}

func (r *remote) close() { r.client.CloseIdleConnections() }
