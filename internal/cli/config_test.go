package cli

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/internal/nodeconfig"
)

const layeredYAML = `
cluster: from-file
node: 1
data-dir: data
nodes:
  - {id: 1, peer: "127.0.0.1:7444", api: "127.0.0.1:7443", region: eu}
  - {id: 2, peer: "127.0.0.1:7454", api: "127.0.0.1:7453", via: "127.0.0.1:17454"}
tls: {ca: ca.crt, cert: /abs/node.crt, key: node.key}
raft: {heartbeat: 50ms}
limits: {command-bytes: 64KiB}
log: {level: warn}
`

// load layers the file above with variables and flags.
func load(t *testing.T, environ []string, args ...string) (nodeconfig.Config, string) {
	t.Helper()
	file := writeLayered(t)
	flags := pflag.NewFlagSet("run", pflag.ContinueOnError)
	flags.String("config", "", "")
	settingFlags(flags)
	if err := flags.Parse(args); err != nil {
		t.Fatal(err)
	}
	cfg, err := loadConfig(file, environ, flags)
	if err != nil {
		t.Fatal(err)
	}
	return cfg, filepath.Dir(file)
}

func TestLayersOfTheConfiguration(t *testing.T) {
	cfg, dir := load(t, []string{"WRAFT_LOG_LEVEL=error", "WRAFT_LIMITS_COMMAND_BYTES=32KiB", "WRAFT_TLS_KEY=other.key", "WRAFT_SERVER=x", "HOME=/"},
		"--log-level", "debug", "--data-dir", "elsewhere")
	for what, got := range map[string][2]any{
		"default":                        {cfg.Raft.ElectionTimeout, time.Second},
		"file":                           {cfg.Raft.Heartbeat, 50 * time.Millisecond},
		"variable over file":             {cfg.Limits.CommandBytes, 32 * nodeconfig.KiB},
		"flag over variable":             {cfg.Log.Level, "debug"},
		"path of the file":               {cfg.TLS.CA, filepath.Join(dir, "ca.crt")},
		"absolute path":                  {cfg.TLS.Cert, "/abs/node.crt"},
		"path of a variable":             {cfg.TLS.Key, "other.key"},
		"path of a flag":                 {cfg.DataDir, "elsewhere"},
		"list of nodes":                  {cfg.Nodes[0], nodeconfig.Node{ID: 1, Peer: "127.0.0.1:7444", API: "127.0.0.1:7443", Region: "eu"}},
		"way to a node":                  {cfg.Nodes[1].Via, "127.0.0.1:17454"},
		"default taken from another key": {cfg.ListenAPI, "127.0.0.1:7443"},
	} {
		if got[0] != got[1] {
			t.Errorf("%s: got %v, want %v", what, got[0], got[1])
		}
	}
}

// TestEverySettingReachesTheConfig gives every setting by variable and by flag, so
// that none of them is a name without an effect.
func TestEverySettingReachesTheConfig(t *testing.T) {
	values := map[string]string{
		"cluster": "other", "node": "1", "data-dir": "/d", "listen-api": "h:1", "listen-peer": "h:2", "native": "off", "http3": "off", "fec": "on", "reads.lease": "on", "tls.ca": "/ca", "tls.cert": "/cert",
		"tls.key": "/key", "tls.revoked": "/crl", "tls.authority-key": "/ca-key", "tls.client-auth": "none", "join": "true", "raft.heartbeat": "20ms", "raft.election-timeout": "3s", "limits.command-bytes": "2KiB",
		"limits.module-bytes": "3MiB", "limits.machine-memory": "4MiB", "limits.node-memory": "5MiB",
		"limits.compile-memory": "300MiB", "limits.compile-time": "15s", "limits.connections": "100",
		"snapshots.log-bytes": "6MiB", "snapshots.interval": "7m", "snapshots.tail-bytes": "8MiB", "snapshots.keep": "3", "snapshots.send-rate": "9MiB",
		"disk.min-free": "10MiB", "disk.ballast": "2MiB", "disk.stall-timeout": "7s",
		"disk.scrub-interval": "7h", "disk.scrub-rate": "5MiB", "disk.keep-modules": "3h",
		"members.remove-dead-after": "72h", "members.min-voters": "5",
		"traces.endpoint": "https://collector:4318", "traces.ratio": "0.5", "traces.ca": "/collector-ca",
		"log.level": "debug", "log.format": "json",
	}
	want := nodeconfig.Config{
		Cluster: "other", Node: 1, DataDir: "/d", ListenAPI: "h:1", ListenPeer: "h:2", Join: true, Native: "off", HTTP3: "off", FEC: "on",
		TLS:  nodeconfig.TLSFiles{CA: "/ca", Cert: "/cert", Key: "/key", Revoked: "/crl", AuthorityKey: "/ca-key", ClientAuth: "none"},
		Raft: nodeconfig.RaftTiming{Heartbeat: 20 * time.Millisecond, ElectionTimeout: 3 * time.Second},
		Limits: nodeconfig.Limits{CommandBytes: 2 * nodeconfig.KiB, ModuleBytes: 3 * nodeconfig.MiB, MachineMemory: 4 * nodeconfig.MiB, NodeMemory: 5 * nodeconfig.MiB,
			CompileMemory: 300 * nodeconfig.MiB, CompileTime: 15 * time.Second, Connections: 100},
		Snapshots: nodeconfig.Snapshots{LogBytes: 6 * nodeconfig.MiB, Interval: 7 * time.Minute, TailBytes: 8 * nodeconfig.MiB, Keep: 3, SendRate: 9 * nodeconfig.MiB},
		Disk:      nodeconfig.Disk{MinFree: 10 * nodeconfig.MiB, Ballast: 2 * nodeconfig.MiB, StallTimeout: 7 * time.Second},
		Members:   nodeconfig.Members{RemoveDeadAfter: 72 * time.Hour, MinVoters: 5},
		Traces:    nodeconfig.Traces{Endpoint: "https://collector:4318", Ratio: "0.5", CA: "/collector-ca"},
		Log:       nodeconfig.LogSelection{Level: "debug", Format: "json"},
	}
	var environ, args []string
	for _, s := range settings {
		value, ok := values[s.key]
		if !ok {
			t.Fatalf("the test has no value for %s", s.key)
		}
		environ = append(environ, s.variable()+"="+value)
		args = append(args, "--"+s.flag(), value)
	}
	byVariable, _ := load(t, environ)
	byFlag, _ := load(t, nil, args...)
	for how, cfg := range map[string]nodeconfig.Config{"variables": byVariable, "flags": byFlag} {
		cfg.Nodes = nil
		if cfg.Cluster != want.Cluster || cfg.Node != want.Node || cfg.DataDir != want.DataDir || cfg.ListenAPI != want.ListenAPI ||
			cfg.ListenPeer != want.ListenPeer || cfg.Join != want.Join || cfg.FEC != want.FEC || cfg.TLS != want.TLS || cfg.Raft != want.Raft || cfg.Limits != want.Limits || cfg.Snapshots != want.Snapshots || cfg.Members != want.Members || cfg.Traces != want.Traces || cfg.Log != want.Log {
			t.Errorf("by %s: got %+v", how, cfg)
		}
	}
}

func TestDidYouMean(t *testing.T) {
	known := []string{"data-dir", "node", "nodes", "log.level"}
	for name, want := range map[string]string{"data-dri": "data-dir", "noode": "node", "lg.level": "log.level", "zebra-crossing": ""} {
		got := didYouMean(name, known)
		if want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

// TestMisshapenFilesAreErrors gives values of the wrong kind where YAML allows any.
func TestMisshapenFilesAreErrors(t *testing.T) {
	file := filepath.Join(t.TempDir(), "wraft.yaml")
	for _, text := range []string{
		"", "7", "- a\n", "nodes: 7\ntls: []\n", "nodes: [1, {id: {}}]\nnode: {a: b}\n", "? [a]\n: b\n", "cluster: {a: [b]}\n",
		"node: -1\n", "raft: 5\n", "limits: {command-bytes: [1]}\n", "a: &a [*a]\n", "\x00", "cluster: a\ncluster: b\n",
	} {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		var p *client.Problem
		if _, err := loadConfig(file, nil, nil); !errors.As(err, &p) || p.Code != client.CodeConfig {
			t.Errorf("%q: got %v", text, err)
		}
	}
}
