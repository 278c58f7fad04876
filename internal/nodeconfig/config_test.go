package nodeconfig

import (
	"strings"
	"testing"
	"time"
)

func goodConfig() Config {
	return Config{
		Cluster: "demo", Node: 2, DataDir: "data",
		Nodes: []Node{
			{ID: 1, Peer: "127.0.0.1:7444", API: "127.0.0.1:7443"},
			{ID: 2, Peer: "127.0.0.1:7454", API: "127.0.0.1:7453"},
		},
		TLS: TLSFiles{CA: "ca.crt", Cert: "node.crt", Key: "node.key"},
	}.WithDefaults()
}

func TestDefaultsMakeAMinimalConfigValid(t *testing.T) {
	c := goodConfig()
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	if c.ListenAPI != "127.0.0.1:7453" || c.ListenPeer != "127.0.0.1:7454" || c.TLS.ClientAuth != ClientAuthRequire || c.Native != NativeOn || c.HTTP3 != NativeOn {
		t.Fatalf("defaults are %+v", c)
	}
	if c.Limits.CommandBytes != MiB || c.Raft.ElectionTimeout != time.Second || c.Disk.Ballast != 64*MiB {
		t.Fatalf("defaults are %+v", c)
	}
}

func TestValidateNamesTheKey(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"cluster: missing":                    func(c *Config) { c.Cluster = "" },
		"data-dir: missing":                   func(c *Config) { c.DataDir = "" },
		"node: missing":                       func(c *Config) { c.Node = 0 },
		"node: 9 is not among nodes":          func(c *Config) { c.Node = 9 },
		"nodes: missing":                      func(c *Config) { c.Nodes = nil },
		"nodes: with join, list a node":       func(c *Config) { c.Join, c.Nodes = true, c.Nodes[1:] },
		"nodes: 33 nodes":                     func(c *Config) { c.Nodes = make([]Node, nodesMax+1) },
		"nodes[1].id: missing":                func(c *Config) { c.Nodes[1].ID = 0 },
		"nodes[1].id: 1 is already":           func(c *Config) { c.Nodes[1].ID = 1 },
		"nodes[1].peer: missing":              func(c *Config) { c.Nodes[1].Peer = "" },
		"nodes[1].via: ":                      func(c *Config) { c.Nodes[1].Via = "tunnel" },
		"nodes[0].api: port":                  func(c *Config) { c.Nodes[0].API = "host:https" },
		"nodes[1]: 127.0.0.1:7443 is al":      func(c *Config) { c.Nodes[1].API = c.Nodes[0].API },
		"listen-api:":                         func(c *Config) { c.ListenAPI = "7443" },
		"listen-peer: port":                   func(c *Config) { c.ListenPeer = ":70000" },
		"tls.ca: missing":                     func(c *Config) { c.TLS.CA = "" },
		"tls.cert: missing":                   func(c *Config) { c.TLS.Cert = "" },
		"tls.key: missing":                    func(c *Config) { c.TLS.Key = "" },
		"tls.client-auth:":                    func(c *Config) { c.TLS.ClientAuth = "maybe" },
		"reads.lease:":                        func(c *Config) { c.Reads.Lease = "maybe" },
		"fec:":                                func(c *Config) { c.FEC = "maybe" },
		"native:":                             func(c *Config) { c.Native = "maybe" },
		"http3:":                              func(c *Config) { c.HTTP3 = "maybe" },
		"listen-peer: 127.0.0.1:7453 is":      func(c *Config) { c.ListenPeer = c.ListenAPI },
		"listen-peer: :7453 is":               func(c *Config) { c.ListenPeer = ":7453" },
		"raft.heartbeat:":                     func(c *Config) { c.Raft.Heartbeat = time.Millisecond },
		"raft.election-timeout: 200ms":        func(c *Config) { c.Raft.ElectionTimeout = 200 * time.Millisecond },
		"raft.election-timeout: 2m":           func(c *Config) { c.Raft.ElectionTimeout = 2 * time.Minute },
		"limits.command-bytes:":               func(c *Config) { c.Limits.CommandBytes = GiB },
		"limits.module-bytes:":                func(c *Config) { c.Limits.ModuleBytes = 2 * GiB },
		"limits.machine-memory:":              func(c *Config) { c.Limits.MachineMemory = KiB },
		"limits.node-memory:":                 func(c *Config) { c.Limits.NodeMemory = KiB },
		"limits.compile-memory:":              func(c *Config) { c.Limits.CompileMemory = 100 * MiB },
		"traces.endpoint: \"collector:4318\"": func(c *Config) { c.Traces.Endpoint = "collector:4318" },
		"traces.endpoint: \"http://h/?a=b\"":  func(c *Config) { c.Traces.Endpoint = "http://h/?a=b" },
		"traces.ratio: \"2\"":                 func(c *Config) { c.Traces.Ratio = "2" },
		"traces.ratio: \"NaN\"":               func(c *Config) { c.Traces.Ratio = "NaN" },
		"traces.ca:":                          func(c *Config) { c.Traces.Endpoint, c.Traces.CA = "http://h:4318", "ca.crt" },
		"disk.min-free:":                      func(c *Config) { c.Disk.MinFree = MiB },
		"disk.ballast:":                       func(c *Config) { c.Disk.Ballast = KiB },
		"disk.scrub-interval: 10s":            func(c *Config) { c.Disk.ScrubInterval = 10 * time.Second },
		"disk.keep-modules: 2s":               func(c *Config) { c.Disk.KeepModules = 2 * time.Second },
		"members.remove-dead-after: 1m":       func(c *Config) { c.Members.RemoveDeadAfter = time.Minute },
		"members.remove-dead-after: -1s":      func(c *Config) { c.Members.RemoveDeadAfter = -time.Second },
		"members.min-voters: 2":               func(c *Config) { c.Members.MinVoters = 2 },
		"disk.scrub-rate:":                    func(c *Config) { c.Disk.ScrubRate = KiB },
		"disk.stall-timeout: 10ms":            func(c *Config) { c.Disk.StallTimeout = 10 * time.Millisecond },
		"limits.compile-time: 9s":             func(c *Config) { c.Limits.CompileTime = 9 * time.Second },
		"limits.connections: 63":              func(c *Config) { c.Limits.Connections = 63 },
		"limits.connections: 1048577":         func(c *Config) { c.Limits.Connections = 1<<20 + 1 },
		"limits.compile-time: 2h":             func(c *Config) { c.Limits.CompileTime = 2 * time.Hour },
		"snapshots.log-bytes: 1KiB":           func(c *Config) { c.Snapshots.LogBytes = KiB },
		"snapshots.interval: 1ms":             func(c *Config) { c.Snapshots.Interval = time.Millisecond },
		"snapshots.interval: 1000h0m0s":       func(c *Config) { c.Snapshots.Interval = 1000 * time.Hour },
		"snapshots.tail-bytes: 1000B":         func(c *Config) { c.Snapshots.TailBytes = 1000 },
		"snapshots.keep: -1":                  func(c *Config) { c.Snapshots.Keep = -1 },
		"snapshots.keep: 17":                  func(c *Config) { c.Snapshots.Keep = 17 },
		"snapshots.send-rate: 1KiB":           func(c *Config) { c.Snapshots.SendRate = KiB },
		"log.level:":                          func(c *Config) { c.Log.Level = "loud" },
		"log.format:":                         func(c *Config) { c.Log.Format = "xml" },
	} {
		c := goodConfig()
		change(&c)
		if err := c.Validate(); err == nil || !strings.Contains("\n"+err.Error(), "\n"+name) {
			t.Errorf("want a line that begins with %q, got:\n%v", name, err)
		}
	}
}

func TestPeersMayHaveTheAPIsPort(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"without the native protocol": func(c *Config) { c.ListenPeer, c.Native, c.HTTP3 = c.ListenAPI, NativeOff, NativeOff },
		"on another address":          func(c *Config) { c.ListenPeer = "127.0.0.2:7453" },
	} {
		c := goodConfig()
		change(&c)
		if err := c.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestValidateJoinsAllProblems(t *testing.T) {
	err := Config{}.WithDefaults().Validate()
	for _, key := range []string{"cluster:", "data-dir:", "node:", "nodes:", "tls.ca:", "tls.cert:", "tls.key:"} {
		if err == nil || !strings.Contains(err.Error(), key) {
			t.Errorf("%s is not named in:\n%v", key, err)
		}
	}
}

func TestSize(t *testing.T) {
	for text, want := range map[string]Size{"0": 0, "17": 17, "17B": 17, "64KiB": 64 * KiB, " 1 MiB ": MiB, "4GiB": 4 * GiB} {
		if got, err := ParseSize(text); err != nil || got != want {
			t.Errorf("%q is %v, %v", text, got, err)
		}
	}
	for _, bad := range []string{"", "-1", "1.5MiB", "1MB", "MiB", "99999999999GiB", "1 MiB more"} {
		if got, err := ParseSize(bad); err == nil {
			t.Errorf("%q was taken as %v", bad, got)
		}
	}
	for s, want := range map[Size]string{0: "0B", 1500: "1500B", 2 * KiB: "2KiB", 3 * MiB: "3MiB", GiB: "1GiB"} {
		if s.String() != want {
			t.Errorf("%d is written %s, want %s", uint64(s), s, want)
		}
		if back, err := ParseSize(s.String()); err != nil || back != s {
			t.Errorf("%s reads back as %v, %v", s, back, err)
		}
	}
}
