package doctor

import (
	"crypto/x509"
	"strings"
	"testing"
	"time"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/internal/scrape"
)

var now = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// healthy are the facts of three nodes and a machine at which nothing is wrong.
func healthy() Facts {
	info := client.ClusterInfo{Cluster: "test", FeatureLevel: 2, Groups: []client.GroupInfo{
		{Group: 1, Leader: 1, Commit: 9, Applied: 9, State: client.MachineRunning},
		{Group: 2, Machine: "kv", Leader: 1, Commit: 99, Applied: 98, State: client.MachineRunning},
	}}
	for id := client.NodeID(1); id <= 3; id++ {
		info.Nodes = append(info.Nodes, client.NodeInfo{ID: id, Up: true, State: client.NodeVoter, FeatureLevel: 2})
	}
	f := Facts{Cluster: info, Now: now, Host: Host{ReceiveBytes: udpBufferMin, SendBytes: udpBufferMin, Files: filesMin}}
	for _, n := range info.Nodes {
		own := Node{NodeInfo: n, Info: info, Ahead: Span{From: -time.Second, To: time.Second / 2, Known: true}}
		own.Info.Nodes = append([]client.NodeInfo(nil), info.Nodes...)
		own.Info.Groups = append([]client.GroupInfo(nil), info.Groups...)
		own.Info.Nodes[n.ID-1].Version = "v1"
		own.Metrics = scrape.Parse(sound)
		f.Nodes = append(f.Nodes, own)
	}
	return f
}

const sound = `
wraft_disk_free_bytes 1e11
wraft_disk_full 0
wraft_raft_disk_stalled{group="2",machine="kv"} 0
wraft_scrub_damaged_total 0
wraft_snapshots_damaged_total 0
wraft_certificate_expires_seconds 1900000000
wraft_certificate_files_unusable 0
wraft_raft_follower_lag_entries{group="2",machine="kv",peer="2"} 10000
`

// metrics are the sound ones with a line of another value.
func metrics(line string) scrape.Samples {
	name, _, _ := strings.Cut(line, " ")
	var out []string
	for old := range strings.Lines(sound) {
		if !strings.HasPrefix(old, name+" ") {
			out = append(out, old)
		}
	}
	return scrape.Parse(strings.Join(append(out, line), ""))
}

func TestAHealthyClusterHasNoFindings(t *testing.T) {
	r := Examine(healthy())
	if !r.Healthy || r.Cluster != "test" || len(r.Checks) != len(checks) {
		t.Errorf("%+v", r)
	}
	for _, c := range r.Checks {
		if !c.OK || len(c.Findings) > 0 || c.Findings == nil {
			t.Errorf("%+v", c)
		}
	}
}

// down has a node not answer.
func down(f *Facts, id client.NodeID) {
	f.Nodes[id-1].Err = client.NewProblem(client.CodeUnreachable, "10.0.0.3:7443: connection refused")
}

// spoilt are facts, each with something wrong in the healthy ones, and what is to be found then: check, with ! when
// it is wrong, and a part of the words.
var spoilt = map[string]struct {
	spoil func(*Facts)
	want  [][2]string
}{
	"a node is silent": {func(f *Facts) {
		down(f, 3)
		f.Nodes[0].Info.Nodes[2].Up = false
		f.Nodes[0].Info.Nodes[2].Down = "absent"
	},
		[][2]string{{"nodes!", "node 3: No server reached: 10.0.0.3:7443: connection refused (to node 1 it is absent) WRAFT-6001"}, {"quorum!", "one more failure stops all writes"}}},
	"two are": {func(f *Facts) { down(f, 2); down(f, 3) },
		[][2]string{{"nodes!", "node 2"}, {"nodes!", "node 3"}, {"quorum!", "1 of 3 voters answer here, 2 are needed"}}},
	"not ready": {func(f *Facts) { f.Nodes[1].NotReady = client.NewProblem(client.CodeNotReady, "disk: full") }, [][2]string{{"nodes!", "Not ready: disk: full WRAFT-5008"}}},
	"even":      {func(f *Facts) { f.Nodes = append(f.Nodes, f.Nodes[2]); f.Nodes[3].ID = 4 }, [][2]string{{"quorum", "4 voters survive no more failures than 3"}}},
	"two nodes": {func(f *Facts) { f.Nodes = f.Nodes[:2] }, [][2]string{{"quorum", "2 voters survive no failure"}}},
	"halted": {func(f *Facts) {
		f.Nodes[1].Info.Groups[1].State, f.Nodes[1].Info.Groups[1].StateReason = client.MachineHalted, "differs"
	},
		[][2]string{{"groups!", "machine kv on node 2: halted: differs WRAFT-4004"}}},
	"starting":  {func(f *Facts) { f.Nodes[1].Info.Groups[1].State = client.MachineStarting }, [][2]string{{"groups", "is starting"}}},
	"restoring": {func(f *Facts) { f.Nodes[1].Info.Groups[1].State = client.MachineRestoring }, [][2]string{{"groups", "waits for its state"}}},
	"leaderless": {func(f *Facts) {
		for i := range f.Nodes {
			f.Nodes[i].Info.Groups[1].Leader = 0
		}
	}, [][2]string{{"groups!", "machine kv: no node knows a leader"}}},
	"one does not know the leader": {func(f *Facts) { f.Nodes[0].Info.Groups[0].Leader = 0 }, nil},
	"link":                         {func(f *Facts) { f.Nodes[0].Info.Nodes[1].Up, f.Nodes[0].Info.Nodes[1].Down = false, "narrow" }, [][2]string{{"links!", "node 1 to 2: no connection: narrow"}}},
	"no reason yet":                {func(f *Facts) { f.Nodes[0].Info.Nodes[1].Up = false }, [][2]string{{"links!", "no reason yet"}}},
	"a removed peer": {func(f *Facts) {
		f.Nodes[0].Info.Nodes[1].Up, f.Nodes[0].Info.Nodes[1].State = false, client.NodeRemoved
	}, nil},
	"loss": {func(f *Facts) { f.Nodes[0].Info.Nodes[1].Loss = 0.1 }, [][2]string{{"links", "loses 10.0%"}}},
	"lag": {func(f *Facts) {
		f.Nodes[0].Metrics = metrics(`wraft_raft_follower_lag_entries{group="2",machine="kv",peer="2"} 10001`)
	},
		[][2]string{{"lag!", "node 2: trails the leader of group 2 by 10001"}}},
	"lag of a silent node": {func(f *Facts) {
		f.Nodes[0].Metrics = metrics(`wraft_raft_follower_lag_entries{group="2",machine="kv",peer="3"} 10001`)
		down(f, 3)
	}, [][2]string{{"nodes!", "node 3"}, {"quorum!", "one more"}}},
	"applies late": {func(f *Facts) { f.Nodes[2].Info.Groups[1].Commit = 20_000 }, [][2]string{{"lag!", "machine kv on node 3: has 19902 committed entries"}}},
	"full":         {func(f *Facts) { f.Nodes[0].Metrics = metrics("wraft_disk_full 1") }, [][2]string{{"disks!", "node 1: takes no commands"}}},
	"room":         {func(f *Facts) { f.Nodes[0].Metrics = metrics("wraft_disk_free_bytes 1e9") }, [][2]string{{"disks", "953MiB are free"}}},
	"stalled":      {func(f *Facts) { f.Nodes[0].Metrics = metrics(`wraft_raft_disk_stalled{group="2",machine="kv"} 1`) }, [][2]string{{"disks!", "disk.stall-timeout"}}},
	"rot":          {func(f *Facts) { f.Nodes[0].Metrics = metrics("wraft_scrub_damaged_total 2") }, [][2]string{{"disks!", "2 files or entries"}}},
	"clock": {func(f *Facts) { f.Nodes[1].Ahead = Span{From: 9 * time.Second, To: 10 * time.Second, Known: true} },
		[][2]string{{"clocks!", "node 2: its clock is at least 8.5s ahead of that of node 1"}}},
	"a clock that may be right": {func(f *Facts) {
		f.Nodes[1].Ahead = Span{From: 2500 * time.Millisecond, To: 9 * time.Second, Known: true}
	}, nil},
	"an unknown clock": {func(f *Facts) { f.Nodes[1].Ahead = Span{From: time.Hour, To: time.Hour} }, nil},
	"expired":          {func(f *Facts) { f.Nodes[0].Metrics = metrics("wraft_certificate_expires_seconds 1700000000") }, [][2]string{{"certificates!", "expired on 2023-11-14"}}},
	"expires": {func(f *Facts) {
		f.Certificates = []Certificate{{"admin.crt", &x509.Certificate{NotAfter: now.Add(72 * time.Hour)}}}
	},
		[][2]string{{"certificates!", "admin.crt: the certificate expires on 2026-11-25, in 3 days"}}},
	"holds": {func(f *Facts) {
		f.Certificates = []Certificate{{"admin.crt", &x509.Certificate{NotAfter: now.Add(31 * 24 * time.Hour)}}}
	}, nil},
	"unusable": {func(f *Facts) { f.Nodes[0].Metrics = metrics("wraft_certificate_files_unusable 1") }, [][2]string{{"certificates!", "cannot be used"}}},
	"releases": {func(f *Facts) { f.Nodes[1].Info.Nodes[1].Version = "v2" }, [][2]string{{"releases", "v1 on 1, 3; v2 on 2"}}},
	"level":    {func(f *Facts) { f.Cluster.FeatureLevel = 1 }, [][2]string{{"releases", "all nodes serve feature level 2, the cluster uses 1"}}},
	"host":     {func(f *Facts) { f.Host = Host{1, 2, 3} }, [][2]string{{"host", "receive"}, {"host", "send"}, {"host", "3 files"}}},
	"unknown":  {func(f *Facts) { f.Host = Host{} }, nil},
}

// TestFindings spoils one fact after the other, and wants just that found.
func TestFindings(t *testing.T) {
	for name, c := range spoilt {
		t.Run(name, func(t *testing.T) {
			f := healthy()
			c.spoil(&f)
			var got []Finding
			r := Examine(f)
			for _, res := range r.Checks {
				got = append(got, res.Findings...)
			}
			if len(got) != len(c.want) {
				t.Fatalf("got %+v", got)
			}
			wrong := false
			for i, g := range got {
				check := g.Check
				if g.Wrong {
					wrong, check = true, check+"!"
				}
				if text := g.Subject + ": " + g.What + " " + g.See; check != c.want[i][0] || !strings.Contains(text, c.want[i][1]) || g.Do == "" || g.See == "" {
					t.Errorf("got %s %s; want %v", check, text, c.want[i])
				}
			}
			if r.Healthy == wrong {
				t.Errorf("healthy %v", r.Healthy)
			}
		})
	}
}

func TestAheadBoundsAClock(t *testing.T) {
	asked := now.Add(300 * time.Millisecond)
	answered := asked.Add(100 * time.Millisecond)
	// The node's clock is right: it said the whole second before.
	if s := ahead(now, asked, answered); !s.Known || s.From != -400*time.Millisecond || s.To != 700*time.Millisecond {
		t.Errorf("got %+v", s)
	}
	if s := ahead(time.Time{}, asked, answered); s.Known {
		t.Errorf("got %+v", s)
	}
}
