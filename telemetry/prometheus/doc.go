// Package prometheus exports the numbers of an altertable.Client as Prometheus
// metrics.
package prometheus
