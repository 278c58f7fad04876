package node

import (
	"context"
	"testing"

	"github.com/wraft/wraft/plugins"
	"github.com/wraft/wraft/raft"
)

func TestMetaMachine(t *testing.T) {
	var published *Catalogue
	m := NewMetaMachine(func(c *Catalogue) { published = c })
	index := uint64(0)
	apply := func(data []byte, err error) plugins.Result {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		index++
		r, err := m.Apply(context.Background(), plugins.Moment{Index: index}, [][]byte{data})
		if err != nil {
			t.Fatal(err)
		}
		return r[0]
	}
	nodes := []NodeRecord{{ID: 3}, {ID: 1}, {ID: 2}}
	if r := apply(DeployCommand("early", MachineRun{}, SnapshotDefault)); r.Status != metaNotBootstrapped {
		t.Errorf("a deploy before the bootstrap: status %d", r.Status)
	}
	if r := apply(BootstrapCommand("blue", nodes)); r.Status != metaOK {
		t.Fatalf("bootstrap: status %d", r.Status)
	}
	if r := apply(BootstrapCommand("green", nil)); r.Status != metaBootstrapped || published.Cluster != "blue" {
		t.Errorf("a second bootstrap: status %d, cluster %q", r.Status, published.Cluster)
	}
	if r := apply(DeployCommand("counter", testRun(1, 5), SnapshotDefault)); r.Status != metaOK {
		t.Errorf("deploy: status %d", r.Status)
	}
	if r := apply(DeployCommand("counter", testRun(1, 5), SnapshotDefault)); r.Status != metaExists {
		t.Errorf("the same deploy: status %d", r.Status)
	}
	if r := apply(DeployCommand("counter", testRun(2, 5), SnapshotDefault)); r.Status != metaConflict {
		t.Errorf("another module under the name: status %d", r.Status)
	}
	if r := apply(DeployCommand("counter", testRun(1, 6), SnapshotDefault)); r.Status != metaConflict {
		t.Errorf("other limits under the name: status %d", r.Status)
	}
	apply(DeployCommand("archive", testRun(2, 5), SnapshotDefault))
	if r := apply([]byte("nonsense"), nil); r.Status != metaMalformed {
		t.Errorf("nonsense: status %d", r.Status)
	}
	got, ok := published.Machine("counter")
	if !ok || got.Group != 2 || len(got.Seats.Voters) != 3 || got.Seats.Voters[0].Node != 1 || got.Created != 4 {
		t.Errorf("the record of counter is %+v, %v", got, ok)
	}
	if published.Machines[0].Name != "archive" || published.Machines[0].Group != 3 {
		t.Errorf("machines are not sorted by name, or groups not counted: %+v", published.Machines)
	}
	if _, ok := published.Node(raft.NodeID(2)); !ok {
		t.Error("node 2 is not in the catalogue")
	}
}

func TestDigestText(t *testing.T) {
	d := DigestOf([]byte("x"))
	if got, err := ParseDigest(d.String()); err != nil || got != d {
		t.Errorf("round trip: %v, %v", got, err)
	}
	for _, bad := range []string{"", "sha256:", "sha256:00", d.String()[7:], d.String() + "00", "sha256:zz" + d.String()[9:]} {
		if _, err := ParseDigest(bad); err == nil {
			t.Errorf("%q was taken for a digest", bad)
		}
	}
}
