// Package operations holds the tests of what docs/operations.md gives to those who
// run services: the alerts, the dashboard and the scrape are compared with the
// metrics that telemetry/prometheus really exports, and the alerts are told
// stories, in which they must fire or must not.
package operations
