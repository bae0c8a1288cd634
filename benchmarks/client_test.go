package main

import (
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Both loops of a client say the same, however different their code is.
func TestClientsDeliverTheUsualEvent(t *testing.T) {
	for _, name := range clientNames {
		if name == marshal { // it sends nothing
			continue
		}
		for _, s := range scenarios[:2] {
			t.Run(name+", "+s.name, func(t *testing.T) {
				const events = 2*batchSize + 1
				var sink server
				listener := httptest.NewServer(&sink)
				defer listener.Close()
				c, err := newClient(name, s, listener.URL+s.path, events)
				require.NoError(t, err)
				_, err = produce(c, s, events)
				require.NoError(t, err)
				require.NoError(t, c.close())
				assert.NoError(t, verify(name, s, events, tally{}, sink.count()))
			})
		}
	}
}

func TestNewClientRefusesAnUnknownName(t *testing.T) {
	_, err := newClient("none", scenarios[0], "", 1)
	assert.Error(t, err)
}
