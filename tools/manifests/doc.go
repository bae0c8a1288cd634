// Package manifests holds the tests of relay/manifests: what Kubernetes would say
// of them, and that their parts fit each other. What the relay says of them is
// tested in its own module, relay/manifests_test.go.
package manifests
