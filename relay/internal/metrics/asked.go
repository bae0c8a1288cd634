package metrics

import "github.com/prometheus/client_golang/prometheus"

var (
	freeDesc  = prometheus.NewDesc(prefix+"disk_free_bytes", "Free bytes of the disk that holds the embedded broker's files.", nil, nil)
	sizeDesc  = prometheus.NewDesc(prefix+"disk_size_bytes", "Bytes of the disk that holds the embedded broker's files.", nil, nil)
	readyDesc = prometheus.NewDesc(prefix+"ready", "Whether the relay takes events.", nil, nil)
)

// asked are the metrics that are asked for at each scrape.
type asked struct{ m *Metrics }

// Describe implements prometheus.Collector.
func (a *asked) Describe(descs chan<- *prometheus.Desc) {
	descs <- freeDesc
	descs <- sizeDesc
	descs <- readyDesc
}

// Collect implements prometheus.Collector.
func (a *asked) Collect(metrics chan<- prometheus.Metric) {
	send := func(desc *prometheus.Desc, value float64) {
		metrics <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value)
	}
	ready := a.m.ready.Load()
	send(readyDesc, oneIf(ready != nil && (*ready)()))
	if disk := a.m.disk.Load(); disk != nil {
		if free, total, ok := (*disk)(); ok {
			send(freeDesc, float64(free))
			send(sizeDesc, float64(total))
		}
	}
}
