package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/altertable-ai/altertable-go/altertabletest"
)

func TestCheck(t *testing.T) {
	api := altertabletest.NewServer(altertabletest.WithAPIKeys(apiKey))
	defer api.Close()
	env := map[string]string{"ALTERTABLE_API_KEY": apiKey}
	dir := t.TempDir() + "/data"
	args := []string{"check", "--data", dir, "--api", api.URL}
	status, out, errOut := runCommand(t, env, args...)
	assert.Zero(t, status, out+errOut)
	assert.Contains(t, out, "ok    configuration  1 tenant: default")
	assert.Contains(t, out, "ok    broker         embedded, and new: "+dir)
	assert.Contains(t, out, "ok    API            default: "+api.URL+" takes the key of ALTERTABLE_API_KEY")
	assert.NoDirExists(t, dir, "check changes nothing")
	assert.Empty(t, api.Events())

	s := serveWith(t, env, "--data", dir, "--api", api.URL).working()
	status, out, _ = runCommand(t, env, args...)
	assert.Zero(t, status, out)
	assert.Contains(t, out, "the relay runs, and is ready")
	assert.Contains(t, out, "ok    streams        default: about 0 events stored, 0 dead letters")
	s.stop()
	status, out, _ = runCommand(t, env, args...)
	assert.Zero(t, status, out)
	assert.Contains(t, out, "embedded, and no relay runs: "+dir)
}

func TestCheckThatFails(t *testing.T) {
	api := altertabletest.NewServer(altertabletest.WithAPIKeys("another"))
	defer api.Close()
	elsewhere := httptest.NewServer(http.RedirectHandler("https://login.example", http.StatusFound))
	defer elsewhere.Close()
	nowhere := httptest.NewServer(http.NotFoundHandler())
	defer nowhere.Close()
	env := map[string]string{"ALTERTABLE_API_KEY": apiKey}
	for url, want := range map[string]string{
		api.URL:              "FAIL  API            default: the API refused the key (401): is ALTERTABLE_API_KEY an ingestion key of this project, and not revoked?",
		elsewhere.URL:        "the API sends us elsewhere (302): --api is not its address",
		nowhere.URL:          "there is no API at --api (404)",
		"http://127.0.0.1:1": "default: no answer: ",
	} {
		status, out, _ := runCommand(t, env, "check", "--data", t.TempDir()+"/new", "--api", url)
		assert.Equal(t, exitFailed, status, url)
		assert.Contains(t, out, want)
		assert.Contains(t, out, "ok    broker", "the other steps are tried all the same")
	}
	status, out, errOut := runCommand(t, env, "check", "--data", writeFile(t, "file", "")+"/x", "--api", api.URL)
	assert.Equal(t, exitFailed, status)
	assert.Contains(t, out, "FAIL  broker", errOut)
	status, _, errOut = runCommand(t, env, "check", "--replicas", "9")
	assert.Equal(t, exitUsage, status)
	assert.Equal(t, 1, strings.Count(errOut, "\n"))
}
