package altertable

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/altertable-ai/altertable-go/internal/spool"
)

func TestLanesWithoutMessagesAreForgotten(t *testing.T) {
	p := placesForTest(t)
	for i := range 100 {
		p.add(&envelope{environment: []byte(fmt.Sprint("tenant_", i)), json: []byte("{}")}, uint64(i), spool.Ref{})
	}
	l := p.lane(identifyEndpoint, []byte("tenant_turn"))
	turn := p.beginTurn(l, []person{{1, 2}}, 100)
	assert.Len(t, p.lanes, 101)
	for b := p.oldestIdle(); b != nil; b = p.oldestIdle() {
		p.settle(b, b.count())
	}
	p.endTurn(turn)
	assert.Empty(t, p.lanes)
	assert.Zero(t, p.buffers.unused)
}
