package chaos

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// load starts producers that send until they are finished.
func (w *world) load(url string, producers, perSecond int) {
	w.t.Helper()
	for i := range producers {
		w.produce(plan{Source: "p" + strconv.Itoa(i), URL: url, PerSecond: perSecond, Identify: 4})
	}
}

// A feeder posts bodies of its own to a relay, without an SDK, and so knows of
// each what the answer was.
type feeder struct {
	w           *world
	source      string
	url         string
	token       string
	environment string
	client      *http.Client
	noise       int    // bytes of content that does not compress, of each event
	next        int    // number of the next event
	refusal     string // the error code of the last answer; "": none
}

func (w *world) feeder(source, url string) *feeder {
	w.sink.expect(source, apiKey)
	return &feeder{w: w, source: source, url: url, token: relayToken, environment: "production", client: &http.Client{Timeout: patience}}
}

// body returns the next events as an array.
func (f *feeder) body(endpoint string, events int) (text []byte, numbers []int) {
	var all []map[string]any
	for range events {
		marks := map[string]any{"id": eventID(f.source, f.next), "at": time.Now().UnixNano(), "note": secretNote}
		m := map[string]any{"environment": f.environment, "distinct_id": secretPerson + "-0", "timestamp": time.Now().UTC().Format(time.RFC3339Nano)}
		if endpoint == "identify" {
			m["traits"] = marks
		} else {
			m["event"], m["properties"] = secretEvent, marks
		}
		if f.noise > 0 {
			marks["noise"] = noise(f.noise)
		}
		all = append(all, m)
		numbers = append(numbers, f.next)
		f.next++
	}
	text, err := json.Marshal(all)
	require.NoError(f.w.t, err)
	return text, numbers
}

func noise(bytes int) string {
	text := make([]byte, bytes)
	_, _ = rand.Read(text) // never fails
	return base64.StdEncoding.EncodeToString(text)
}

// post sends one request of so many events. Status 0: there was no answer.
func (f *feeder) post(endpoint string, events int) (status int, header http.Header) {
	text, numbers := f.body(endpoint, events)
	return f.send(endpoint, text, numbers)
}

func (f *feeder) send(endpoint string, text []byte, numbers []int) (status int, header http.Header) {
	req, err := http.NewRequest(http.MethodPost, f.url+"/"+endpoint, bytes.NewReader(text))
	require.NoError(f.w.t, err)
	req.Header.Set("X-API-Key", f.token)
	req.Header.Set("Content-Type", "application/json")
	resp, err := f.client.Do(req)
	if err != nil {
		return 0, nil
	}
	defer resp.Body.Close()
	var said struct {
		Code string `json:"error_code"`
	}
	_ = json.NewDecoder(resp.Body).Decode(&said) // a proxy's answer has none
	_, _ = io.Copy(io.Discard, resp.Body)        // the connection is used again
	f.refusal = said.Code
	if resp.StatusCode == http.StatusOK {
		f.w.note(f.source, numbers...)
	}
	return resp.StatusCode, resp.Header
}

// mustPost fails the test unless the relay takes the events. Where its disk is slow, the
// relay says that they may come again.
func (f *feeder) mustPost(t *testing.T, endpoint string, events int) {
	t.Helper()
	text, numbers := f.body(endpoint, events)
	eventually(t, patience, "the relay takes the events", func() bool {
		status, _ := f.send(endpoint, text, numbers)
		if !f.isSlow(status) {
			require.Equal(t, http.StatusOK, status)
		}
		return status == http.StatusOK
	})
}

// isSlow reports whether the last answer, of that status, was that the relay could not
// store the events soon enough.
func (f *feeder) isSlow(status int) bool {
	return status == http.StatusServiceUnavailable && f.refusal == "unavailable"
}
