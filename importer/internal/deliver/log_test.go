package deliver

import (
	"bytes"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/altertable-ai/altertable-go/altertabletest"
)

// Nothing says that messages are lost: those that the client gives up stay in the
// source, and the import says what becomes of them.
func TestTheLogSpeaksOfNoLoss(t *testing.T) {
	for name, fault := range map[string]altertabletest.Fault{
		"bad key":     altertabletest.Status(401),
		"environment": altertabletest.Status(400).ErrorCode("environment-not-found"),
		"refused":     altertabletest.Status(422),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log bytes.Buffer
				i := newImporter(t, tracks(400))
				i.o.Logger = slog.New(slog.NewTextHandler(&log, nil)).With("a", 1).WithGroup("g")
				i.srv.Always(fault)
				_, err := i.run(t.Context())
				require.ErrorAs(t, err, new(*StopError))
				assert.Empty(t, log.String())
			})
		})
	}
}

func TestTheLogSpeaksOfAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		i := newImporter(t, tracks(400))
		i.o.Logger = slog.New(slog.NewTextHandler(&log, nil))
		i.srv.Down()
		time.AfterFunc(time.Minute, i.srv.Up)
		_, err := i.run(t.Context())
		require.NoError(t, err)
		assert.Contains(t, log.String(), "the outage is over")
	})
}
