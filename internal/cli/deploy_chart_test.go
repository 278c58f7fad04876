package cli

import (
	"debug/elf"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/v2"
)

// wantStatic wants a program that needs nothing of the system it runs on.
func wantStatic(t *testing.T, program string) {
	t.Helper()
	f, err := elf.Open(program)
	if err != nil {
		t.Logf("not looked into, this system has other programs: %v", err)
		return
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC {
			t.Errorf("the program is not static: it has a segment %v", p.Type)
		}
	}
}

// manifest is what the tests read of a Kubernetes object.
type manifest struct {
	Kind     string
	Metadata struct{ Name string }
	Data     map[string]string
	Spec     struct {
		ServiceName     string `yaml:"serviceName"`
		ClusterIP       string `yaml:"clusterIP"`
		Management      string `yaml:"podManagementPolicy"`
		PublishNotReady bool   `yaml:"publishNotReadyAddresses"`
		MaxUnavailable  int    `yaml:"maxUnavailable"`
		Replicas        int
		Ordinals        struct{ Start int }
		Ports           []port
		Template        struct {
			Spec struct {
				EnableServiceLinks *bool `yaml:"enableServiceLinks"`
				Affinity           struct {
					PodAntiAffinity map[string]any `yaml:"podAntiAffinity"`
				}
				Security struct {
					RunAsNonRoot bool `yaml:"runAsNonRoot"`
				} `yaml:"securityContext"`
				Containers []container
				Grace      int `yaml:"terminationGracePeriodSeconds"`
			}
		}
		VolumeClaimTemplates []struct{ Metadata struct{ Name string } } `yaml:"volumeClaimTemplates"`
	}
}

type port struct {
	Name, Protocol string
	Port           int
	ContainerPort  int `yaml:"containerPort"`
}

type container struct {
	Args         []string
	Ports        []port
	Liveness     probe `yaml:"livenessProbe"`
	Readiness    probe `yaml:"readinessProbe"`
	VolumeMounts []struct {
		Name      string
		MountPath string `yaml:"mountPath"`
	} `yaml:"volumeMounts"`
}

type probe struct {
	HTTPGet httpGet `yaml:"httpGet"`
}

type httpGet struct{ Path, Port, Scheme string }

// manifests are the objects of a rendered chart, by kind and name.
func manifests(t *testing.T, name string) map[string]manifest {
	t.Helper()
	out := map[string]manifest{}
	for text := range strings.SplitSeq(deployed(t, name), "\n---\n") {
		k := koanf.New("\x00") // Why: names of files have dots, and are keys
		if err := k.Load(rawbytes([]byte(text)), yaml.Parser()); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var m manifest
		if err := k.UnmarshalWithConf("", &m, koanf.UnmarshalConf{Tag: "yaml"}); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		out[m.Kind+"/"+m.Metadata.Name] = m
	}
	return out
}

// rawbytes provides a text to koanf.
type rawbytes []byte

// ReadBytes implements koanf.Provider.
func (b rawbytes) ReadBytes() ([]byte, error) { return b, nil }

// Read implements koanf.Provider.
func (b rawbytes) Read() (map[string]any, error) { return nil, errors.New("text alone") }

// TestDeployChart: what the chart makes of its examples, see deploy/helmcheck, is a cluster of
// this program: every node has a configuration that it accepts, under the address that the
// others dial, and what Kubernetes asks and opens is there.
func TestDeployChart(t *testing.T) {
	for name, want := range map[string]struct{ initial, nodes int }{"default.yaml": {3, 3}, "grown.yaml": {3, 5}} {
		t.Run(name, func(t *testing.T) {
			all := manifests(t, "helm/rendered/"+name)
			set, nodes, clients := all["StatefulSet/wraft"], all["Service/wraft-nodes"], all["Service/wraft"]
			pod := set.Spec.Template.Spec
			if len(pod.Containers) != 1 || set.Spec.Replicas != want.nodes || set.Spec.Ordinals.Start != 1 || set.Spec.Management != "Parallel" ||
				set.Spec.ServiceName != "wraft-nodes" || len(set.Spec.VolumeClaimTemplates) != 1 {
				t.Fatalf("the set: %+v", set.Spec)
			}
			if pod.EnableServiceLinks == nil || *pod.EnableServiceLinks {
				t.Error("variables of services begin with WRAFT_, and are no settings")
			}
			if !pod.Security.RunAsNonRoot || len(pod.Affinity.PodAntiAffinity) != 1 || float64(pod.Grace) <= closeTimeout.Seconds() {
				t.Errorf("the pod: %+v", pod)
			}
			if nodes.Spec.ClusterIP != "None" || !nodes.Spec.PublishNotReady || all["PodDisruptionBudget/wraft"].Spec.MaxUnavailable != 1 {
				t.Errorf("the services: %+v", nodes.Spec)
			}
			c := pod.Containers[0]
			acceptsArguments(t, "run", c.Args)
			if c.Liveness.HTTPGet != (httpGet{"/livez", "api", "HTTPS"}) || c.Readiness.HTTPGet != (httpGet{"/readyz", "api", "HTTPS"}) {
				t.Errorf("the probes: %+v, %+v", c.Liveness, c.Readiness)
			}
			samePortsOpen(t, c.Ports, nodes.Spec.Ports, clients.Spec.Ports)
			for id := 1; id <= want.nodes; id++ {
				chartNode(t, all["ConfigMap/wraft-config"].Data["node-"+strconv.Itoa(id)+".yaml"], id, id > want.initial, c.Ports)
			}
		})
	}
}

// samePortsOpen wants the services to open what the container does; clients need no other
// than the API's.
func samePortsOpen(t *testing.T, open, nodes, clients []port) {
	t.Helper()
	byName := func(ports []port) map[string]port {
		out := map[string]port{}
		for _, p := range ports {
			p.Port, p.ContainerPort = p.Port+p.ContainerPort, 0
			out[p.Name] = p
		}
		return out
	}
	want := byName(open)
	if len(want) != 3 || want["peer"].Protocol != "UDP" || want["api"].Protocol != "TCP" || want["native"].Port != want["api"].Port {
		t.Errorf("the container opens %+v", open)
	}
	if !maps.Equal(byName(nodes), want) {
		t.Errorf("the nodes' service opens %+v, they %+v", nodes, open)
	}
	delete(want, "peer")
	if !maps.Equal(byName(clients), want) {
		t.Errorf("the clients' service opens %+v, the nodes %+v", clients, open)
	}
}

// chartNode holds a node's configuration against what the chart says of it elsewhere.
func chartNode(t *testing.T, text string, id int, joins bool, open []port) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "node.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := loadConfig(file, nil, nil)
	if err != nil {
		t.Fatalf("node %d: %v\n%s", id, err, text)
	}
	self, _ := cfg.Self()
	host := "wraft-" + strconv.Itoa(id) + ".wraft-nodes.prod.svc.cluster.local"
	if int(cfg.Node) != id || cfg.Join != joins || !strings.HasPrefix(self.API, host+":") || !strings.HasPrefix(cfg.DataDir, "/var/lib/wraft/") ||
		cfg.TLS.Key != "/etc/wraft/certificates/node-"+strconv.Itoa(id)+".key" {
		t.Errorf("node %d is %+v", id, cfg)
	}
	for _, p := range open {
		address := self.API
		if p.Name == "peer" {
			address = self.Peer
		}
		if !strings.HasSuffix(address, ":"+strconv.Itoa(p.ContainerPort)) {
			t.Errorf("node %d is dialled at %s, the container opens %+v", id, address, p)
		}
	}
	samePorts(t, text, cfg)
}
