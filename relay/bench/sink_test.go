package main

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestSinkCountsEachEventOnce(t *testing.T) {
	s := newSink(100)
	begin := time.Unix(1, 0)
	s.take([]byte(`[{"bench_number":0,"x":1},{"bench_number":99}]`), begin)
	s.take([]byte(`{"properties":{"bench_number":64}}`), begin.Add(time.Second))
	s.take([]byte(`[{"bench_number":99},{"bench_number":123456789012345678}]`), begin.Add(time.Minute))
	assert.Equal(t, arrival{Events: 3, Twice: 1, Requests: 3, First: begin, Last: begin.Add(time.Second)}, s.arrival)
}

func TestSinkAnswers(t *testing.T) {
	server := httptest.NewServer(newSink(10))
	defer server.Close()
	answer, err := server.Client().Post(server.URL+"/track", "application/json", strings.NewReader(`{"bench_number":3}`))
	require.NoError(t, err)
	answer.Body.Close()
	assert.Equal(t, 200, answer.StatusCode)
	r := run{api: server.URL}
	arrived, err := r.ask("/arrived")
	require.NoError(t, err)
	assert.Equal(t, 1, arrived.Events)
}

func TestSinkThatIsShutTakesNothing(t *testing.T) {
	s := newSink(10)
	server := httptest.NewServer(s)
	defer server.Close()
	post := func() int {
		answer, err := server.Client().Post(server.URL+"/track", "application/json", strings.NewReader(`{"bench_number":3}`))
		require.NoError(t, err)
		answer.Body.Close()
		return answer.StatusCode
	}
	r := run{api: server.URL}
	_, err := r.ask("/shut")
	require.NoError(t, err)
	assert.Equal(t, 503, post())
	arrived, err := r.ask("/arrived")
	require.NoError(t, err)
	assert.Equal(t, arrival{}, arrived)
	_, err = r.ask("/open")
	require.NoError(t, err)
	assert.Equal(t, 200, post())
}

// What the producers send is what the sink looks for.
func TestProducedEventsArrive(t *testing.T) {
	s := newSink(50)
	server := httptest.NewServer(s)
	defer server.Close()
	require.NoError(t, produce(server.URL, 50))
	assert.Equal(t, 50, s.Events)
	assert.Zero(t, s.Twice)
}
