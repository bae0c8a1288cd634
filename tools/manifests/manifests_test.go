package manifests

import (
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
)

func TestNamesAndSelectorsFit(t *testing.T) {
	each(t, func(t *testing.T, s *set, pod core.PodTemplateSpec, _ core.Container) {
		for kind, object := range s.objects {
			assert.Equal(t, "altertable-relay", object.GetName(), kind)
			assert.Empty(t, object.GetNamespace(), "%s: kubectl's -n says it", kind)
			assert.NotEmpty(t, object.GetLabels(), kind)
		}
		replicas, selector, _ := s.pods()
		for _, chosen := range []*meta.LabelSelector{
			selector, s.budget.Spec.Selector, &s.network.Spec.PodSelector, {MatchLabels: s.service.Spec.Selector},
		} {
			parsed, err := meta.LabelSelectorAsSelector(chosen)
			require.NoError(t, err)
			assert.False(t, parsed.Empty())
			assert.True(t, parsed.Matches(labels.Set(pod.Labels)))
		}
		if s.state != nil {
			assert.Equal(t, int32(1), replicas, "a volume has one relay")
			assert.Equal(t, s.service.Name, s.state.Spec.ServiceName)
			assert.Equal(t, intstr.FromInt32(1), *s.budget.Spec.MaxUnavailable, "else no node could be drained")
		} else {
			assert.Equal(t, int32(2), replicas)
			assert.Equal(t, intstr.FromInt32(1), *s.budget.Spec.MinAvailable)
		}
	})
}

func portOf(t *testing.T, relay core.Container, name string) int32 {
	t.Helper()
	i := slices.IndexFunc(relay.Ports, func(p core.ContainerPort) bool { return p.Name == name })
	require.GreaterOrEqual(t, i, 0, "no port %s", name)
	return relay.Ports[i].ContainerPort
}

func TestPortsAreThoseOfTheConfiguration(t *testing.T) {
	each(t, func(t *testing.T, s *set, pod core.PodTemplateSpec, relay core.Container) {
		configured := s.relay(t)
		events, admin := portOf(t, relay, "events"), portOf(t, relay, "admin")
		assert.Equal(t, configured.Listen, ":"+number(events))
		assert.Equal(t, configured.AdminListen, ":"+number(admin))
		assert.Equal(t, number(admin), pod.Annotations["prometheus.io/port"])
		require.Len(t, s.service.Spec.Ports, 1)
		assert.Equal(t, events, s.service.Spec.Ports[0].Port)
		assert.Equal(t, "events", s.service.Spec.Ports[0].TargetPort.StrVal)
		for name, probe := range map[string]*core.Probe{"/readyz": relay.ReadinessProbe, "/healthz": relay.LivenessProbe} {
			require.NotNil(t, probe)
			assert.Equal(t, name, probe.HTTPGet.Path)
			assert.Equal(t, "admin", probe.HTTPGet.Port.StrVal)
		}
		for _, rule := range s.network.Spec.Ingress {
			for _, p := range rule.Ports {
				portOf(t, relay, p.Port.StrVal)
			}
			assert.NotEmpty(t, rule.From)
		}
	})
}

func number(n int32) string { p := intstr.FromInt32(n); return p.String() }

// A store with a large backlog takes long to recover, and the API may be away for
// a day: neither may end the relay.
func TestARelayThatIsNotReadyLives(t *testing.T) {
	each(t, func(t *testing.T, _ *set, _ core.PodTemplateSpec, relay core.Container) {
		require.NotNil(t, relay.StartupProbe)
		for _, probe := range []*core.Probe{relay.StartupProbe, relay.LivenessProbe} {
			assert.Equal(t, "/healthz", probe.HTTPGet.Path)
			assert.GreaterOrEqual(t, time.Duration(probe.PeriodSeconds*probe.FailureThreshold)*time.Second, time.Minute)
		}
	})
}

func TestShutdownHasItsTime(t *testing.T) {
	each(t, func(t *testing.T, s *set, pod core.PodTemplateSpec, relay core.Container) {
		timeout, err := time.ParseDuration(s.relay(t).ShutdownTimeout)
		require.NoError(t, err)
		before := time.Duration(relay.Lifecycle.PreStop.Sleep.Seconds) * time.Second
		grace := time.Duration(*pod.Spec.TerminationGracePeriodSeconds) * time.Second
		assert.Positive(t, before)
		assert.GreaterOrEqual(t, grace, before+timeout+10*time.Second, "the broker closes after the drain")
	})
}

func TestPathsAreMounted(t *testing.T) {
	each(t, func(t *testing.T, s *set, pod core.PodTemplateSpec, relay core.Container) {
		volumes := map[string]core.Volume{}
		for _, v := range pod.Spec.Volumes {
			volumes[v.Name] = v
		}
		mounts := map[string]string{} // the volume of a path
		for _, m := range relay.VolumeMounts {
			mounts[m.MountPath] = m.Name
		}
		require.Equal(t, []string{"serve", "--config"}, relay.Args[:2])
		require.Len(t, relay.Args, 3)
		config := volumes[mounts[relay.Args[2]]].ConfigMap
		require.NotNil(t, config, "the file of --config")
		assert.Equal(t, s.config.Name, config.Name)

		configured := s.relay(t)
		keys := path.Dir(configured.Tenants[0].APIKeyFile)
		secret := volumes[mounts[keys]].Secret
		require.NotNil(t, secret, "the API's key is in a Secret")
		assert.Contains(t, s.head, "kubectl create secret generic "+secret.SecretName+" ")
		for _, file := range []string{configured.Tenants[0].APIKeyFile, configured.Creds, configured.CA} {
			if file != "" {
				assert.Equal(t, keys, path.Dir(file))
				assert.Regexp(t, `--from-(literal|file)=`+regexp.QuoteMeta(path.Base(file)), s.head)
			}
		}
		assert.NotContains(t, s.config.Data["relay.yaml"], "api_key:")
		if s.state == nil {
			assert.Empty(t, configured.Data)
			return
		}
		require.Len(t, s.state.Spec.VolumeClaimTemplates, 1)
		assert.Equal(t, s.state.Spec.VolumeClaimTemplates[0].Name, mounts[path.Dir(configured.Data)],
			"a directory of its own below the volume, whose root has a mode of Kubernetes")
	})
}

// What is on the stream has to fit on the volume, at 0.4 of its bytes and 0.8 of the disk.
func TestTheVolumeIsLargeEnough(t *testing.T) {
	for _, s := range sets(t) {
		if s.state == nil {
			continue
		}
		raw, err := resource.ParseQuantity(strings.TrimSuffix(s.relay(t).Tenants[0].MaxBytes, "B")) // 64GiB is 64Gi here
		require.NoError(t, err)
		disk := s.state.Spec.VolumeClaimTemplates[0].Spec.Resources.Requests[core.ResourceStorage]
		assert.GreaterOrEqual(t, float64(disk.Value())*0.8, float64(raw.Value())*0.4)
	}
}

func TestTheRelayHasNoRightsToSpare(t *testing.T) {
	each(t, func(t *testing.T, _ *set, pod core.PodTemplateSpec, relay core.Container) {
		assert.True(t, *pod.Spec.SecurityContext.RunAsNonRoot)
		assert.Positive(t, *pod.Spec.SecurityContext.RunAsUser)
		assert.Equal(t, core.SeccompProfileTypeRuntimeDefault, pod.Spec.SecurityContext.SeccompProfile.Type)
		assert.False(t, *pod.Spec.AutomountServiceAccountToken)
		assert.True(t, *relay.SecurityContext.ReadOnlyRootFilesystem)
		assert.False(t, *relay.SecurityContext.AllowPrivilegeEscalation)
		assert.Equal(t, []core.Capability{"ALL"}, relay.SecurityContext.Capabilities.Drop)
		assert.False(t, strings.HasSuffix(relay.Image, ":latest"))
		assert.Empty(t, relay.Resources.Limits.Cpu().Value())
		assert.NotEmpty(t, relay.Resources.Limits.Memory().Value())
	})
}

func TestTheNetworkLetsThrough(t *testing.T) {
	for _, s := range sets(t) {
		open := map[string]bool{}
		for _, rule := range s.network.Spec.Egress {
			for _, p := range rule.Ports {
				open[p.Port.String()] = true
			}
		}
		assert.True(t, open["53"], s.name)
		assert.True(t, open["443"], s.name)
		servers := strings.FieldsFunc(s.relay(t).NATS, func(r rune) bool { return r == ',' })
		for _, server := range servers {
			u, err := url.Parse(server)
			require.NoError(t, err)
			assert.True(t, open[u.Port()], "%s: %s", s.name, server)
		}
		assert.Len(t, servers, s.relay(t).Replicas, s.name)
	}
}
