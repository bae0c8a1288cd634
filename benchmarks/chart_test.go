package main

import (
	"encoding/xml"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestDrawChart(t *testing.T) {
	chart := drawChart(result{"altertable/literal/CPU s": 0.25, "PostHog/literal/CPU s": 1})
	var svg struct {
		Texts []string `xml:"text"`
		Rects []struct {
			Width string `xml:"width,attr"`
			Fill  string `xml:"fill,attr"`
		} `xml:"rect"`
	}
	require.NoError(t, xml.Unmarshal(chart, &svg))
	assert.Equal(t, []string{"CPU seconds for 200,000 events, delivered", "altertable", "0.25"}, svg.Texts[:3])
	assert.Equal(t, "112.5", svg.Rects[1].Width, "a quarter of the longest bar")
	assert.Equal(t, "450.0", svg.Rects[4].Width, "the longest bar")
	assert.NotEqual(t, svg.Rects[1].Fill, svg.Rects[4].Fill)
}

func TestDrawChartOfNothing(t *testing.T) {
	assert.NoError(t, xml.Unmarshal(drawChart(nil), new(struct{})))
}
