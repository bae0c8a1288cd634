package manifests

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

const folder = "../../relay/manifests"

// A set is the objects of one file.
type set struct {
	name    string
	head    string                 // what is written above the objects
	objects map[string]meta.Object // by kind
	service core.Service
	config  core.ConfigMap
	state   *apps.StatefulSet // one of them is nil
	deploy  *apps.Deployment
	budget  policy.PodDisruptionBudget
	network networking.NetworkPolicy
}

// sets returns what the files hold. A field that Kubernetes does not know, or of
// another type, fails, and so does a kind that is there twice.
func sets(t *testing.T) []*set {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(folder, "*.yaml"))
	require.NoError(t, err)
	require.Len(t, names, 2)
	var all []*set
	for _, name := range names {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		s := &set{name: filepath.Base(name), objects: map[string]meta.Object{}}
		s.head, _, _ = strings.Cut(string(text), "\napiVersion:")
		for _, document := range bytes.Split(text, []byte("\n---\n")) {
			s.add(t, document)
		}
		require.Len(t, s.objects, 5, s.name)
		require.True(t, (s.state == nil) != (s.deploy == nil), s.name)
		all = append(all, s)
	}
	return all
}

func (s *set) add(t *testing.T, document []byte) {
	t.Helper()
	var kind meta.TypeMeta
	require.NoError(t, yaml.Unmarshal(document, &kind), s.name)
	var object meta.Object
	var want string
	switch kind.Kind {
	case "ConfigMap":
		object, want = &s.config, "v1"
	case "Service":
		object, want = &s.service, "v1"
	case "StatefulSet":
		s.state = new(apps.StatefulSet)
		object, want = s.state, "apps/v1"
	case "Deployment":
		s.deploy = new(apps.Deployment)
		object, want = s.deploy, "apps/v1"
	case "PodDisruptionBudget":
		object, want = &s.budget, "policy/v1"
	case "NetworkPolicy":
		object, want = &s.network, "networking.k8s.io/v1"
	default:
		require.Fail(t, "a kind that no test knows", "%s: %q", s.name, kind.Kind)
	}
	require.Equal(t, want, kind.APIVersion, s.name)
	require.NotContains(t, s.objects, kind.Kind, s.name)
	require.NoError(t, yaml.UnmarshalStrict(document, object), "%s: %s", s.name, kind.Kind)
	s.objects[kind.Kind] = object
}

// pods returns how many pods there are, and of what kind.
func (s *set) pods() (replicas int32, selector *meta.LabelSelector, pod core.PodTemplateSpec) {
	if s.state != nil {
		return *s.state.Spec.Replicas, s.state.Spec.Selector, s.state.Spec.Template
	}
	return *s.deploy.Spec.Replicas, s.deploy.Spec.Selector, s.deploy.Spec.Template
}

// each runs the test on every set.
func each(t *testing.T, test func(t *testing.T, s *set, pod core.PodTemplateSpec, relay core.Container)) {
	for _, s := range sets(t) {
		t.Run(s.name, func(t *testing.T) {
			_, _, pod := s.pods()
			require.Len(t, pod.Spec.Containers, 1)
			test(t, s, pod, pod.Spec.Containers[0])
		})
	}
}

// relayConfig is what the tests ask of relay.yaml; the relay reads all of it.
type relayConfig struct {
	Listen          string `json:"listen"`
	AdminListen     string `json:"admin-listen"`
	Data            string `json:"data"`
	NATS            string `json:"nats"`
	Creds           string `json:"nats-creds"`
	CA              string `json:"nats-ca"`
	Replicas        int    `json:"replicas"`
	ShutdownTimeout string `json:"shutdown-timeout"`
	Tenants         []struct {
		APIKeyFile string `json:"api_key_file"`
		MaxBytes   string `json:"max_bytes"`
	} `json:"tenants"`
}

func (s *set) relay(t *testing.T) (c relayConfig) {
	t.Helper()
	require.Len(t, s.config.Data, 1)
	require.NoError(t, yaml.Unmarshal([]byte(s.config.Data["relay.yaml"]), &c))
	return c
}
