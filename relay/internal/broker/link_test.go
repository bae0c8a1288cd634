package broker

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const secret = "s3cr3t"

func TestWrongURL(t *testing.T) {
	for _, url := range []string{
		"nats://relay:" + secret + "@host:port", "nats://relay:" + secret + "%zz@host", "://" + secret, secret, "http://relay:" + secret + "@host:4222",
		"nats://host:4222,nats://relay:" + secret + "@", "nats://host,", "nats://relay:" + secret + "@ho st",
	} {
		_, err := Open(Options{URL: url}, small("acme")...)
		require.Error(t, err, url)
		assert.NotContains(t, err.Error(), secret)
	}
}

func TestWrongFiles(t *testing.T) {
	dir := t.TempDir()
	junk := filepath.Join(dir, "junk")
	require.NoError(t, os.WriteFile(junk, []byte("seed "+secret), 0o600))
	none := filepath.Join(dir, "none")
	for name, o := range map[string]Options{
		"no creds": {Creds: none}, "creds": {Creds: junk}, "creds directory": {Creds: dir},
		"no CA": {CA: none}, "CA": {CA: junk}, "no certificate": {Cert: none, Key: none}, "certificate": {Cert: junk, Key: junk},
		"certificate without key": {Cert: junk}, "key without certificate": {Key: junk},
	} {
		t.Run(name, func(t *testing.T) {
			o.URL = "nats://127.0.0.1:1"
			_, err := Open(o, small("acme")...)
			require.Error(t, err)
			assert.NotContains(t, err.Error(), secret)
		})
	}
}

// A cluster that is not there yet is waited for, and the password stays unseen.
func TestClusterComesLater(t *testing.T) {
	address := freeAddress(t)
	log := new(record)
	b, err := Open(Options{URL: "nats://relay:" + secret + "@" + address, Replicas: 1, Logger: log.logger()}, small("acme")...)
	require.NoError(t, err)
	t.Cleanup(b.Close)
	eventually(t, "reason", func() bool { return strings.Contains(b.Ready(t.Context()).Error(), "refused") })
	assert.Nil(t, b.JetStream())
	startNodes(t, 1, func(o *server.Options) {
		o.Username, o.Password = "relay", secret
		o.Port = portOf(t, "nats://"+address)
	})
	waitStarted(t, b)
	require.NoError(t, b.Ready(t.Context()))
	assert.NotContains(t, log.String(), secret)
}

func TestWrongPassword(t *testing.T) {
	nodes := startNodes(t, 1, func(o *server.Options) { o.Username, o.Password = "relay", "another" })
	log := new(record)
	url := strings.Replace(nodes.url(), "//", "//relay:"+secret+"@", 1)
	b, err := Open(Options{URL: url, Logger: log.logger()}, small("acme")...)
	require.NoError(t, err)
	t.Cleanup(b.Close)
	eventually(t, "reason", func() bool { return strings.Contains(b.Ready(t.Context()).Error(), "uthorization") })
	assert.NotContains(t, log.String(), secret)
}

// A subject that the account may not use is named, as the request itself only times out.
func TestNoPermission(t *testing.T) {
	nodes := startNodes(t, 1, func(o *server.Options) {
		o.Users = []*server.User{{Username: "relay", Password: secret, Permissions: &server.Permissions{
			Publish:   &server.SubjectPermission{Allow: []string{"altertable.>", "$JS.API.STREAM.INFO.>", "$JS.API.INFO"}},
			Subscribe: &server.SubjectPermission{Allow: []string{"_INBOX.>"}},
		}}}
	})
	log := new(record)
	b, err := Open(Options{URL: strings.Replace(nodes.url(), "//", "//relay:"+secret+"@", 1), Replicas: 1, Logger: log.logger()}, small("acme")...)
	require.NoError(t, err)
	t.Cleanup(b.Close)
	eventually(t, "reason", func() bool {
		return strings.Contains(b.Ready(t.Context()).Error(), "$JS.API.STREAM.CREATE.ALTERTABLE_acme")
	})
	assert.NotContains(t, log.String(), secret)
}

func TestFaultsAreLoggedOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := new(record)
		l := &link{log: log.logger(), secrets: []string{secret}}
		for range 600 {
			l.fault("no connection", errors.New("dial nats://relay:"+secret+"@host: refused"))
			time.Sleep(time.Second)
		}
		assert.Equal(t, 10, log.count("no connection"))
		assert.Contains(t, log.String(), "not_logged=59")
		assert.NotContains(t, log.String(), secret)
	})
}

func TestScrub(t *testing.T) {
	for url, text := range map[string]string{
		"nats://relay:p%40ss%2Fword@host": "p@ss/word p%40ss%2Fword", "nats://t0ken@host": "t0ken",
		"nats://a:one@h1,nats://b:two@h2": "one two",
	} {
		l := new(link)
		require.NoError(t, l.useURL(url))
		assert.Equal(t, strings.Repeat(" xxxxx", len(strings.Fields(text))), " "+l.scrub(errors.New(text)).Error())
	}
	l := new(link)
	require.NoError(t, l.useURL("nats://host:4222"))
	err := errors.New("plain")
	assert.Same(t, err, l.scrub(err))
}
