package operations

import (
	"os"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"
)

// A guide is what those who run something are given: a file of alerts, a document
// that explains them, and for the tests the stories of the alerts.
type guide struct {
	alertFile, document, stories string
	families                     func(*testing.T) map[string]family
	optional                     string // a label that a series may lack
}

var (
	clientGuide = guide{"prometheus-alerts.yml", "operations.md", "stories.yml", families, "client"}
	relayGuide  = guide{"prometheus-relay-alerts.yml", "relay-alerts.md", "relay-stories.yml", relayFamilies, ""}
)

const documents = "../../docs/"

// each runs the test for every guide.
func each(t *testing.T, test func(*testing.T, guide)) {
	t.Run("client", func(t *testing.T) { test(t, clientGuide) })
	t.Run("relay", func(t *testing.T) { test(t, relayGuide) })
}

// relayFamilies returns what can be asked of a relay: a test of the relay compares
// the file with what it exports.
func relayFamilies(t *testing.T) map[string]family {
	t.Helper()
	file, err := os.Open("../../relay/internal/metrics/testdata/scrape.txt")
	require.NoError(t, err)
	defer file.Close()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	scraped, err := parser.TextToMetricFamilies(file)
	require.NoError(t, err)
	var gathered []*dto.MetricFamily
	for _, f := range scraped {
		gathered = append(gathered, f)
	}
	return known(gathered, "tenant")
}
