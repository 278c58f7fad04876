package nodetest_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/wraft/wraft/node"
	"github.com/wraft/wraft/raft"
)

// inThreeRegions runs a cluster with a machine whose nodes are in eu, us and ap. tune is of
// its configurations, and may be nil.
func inThreeRegions(t *testing.T, opener func(raft.NodeID) node.MachineOpener, tune func(*node.Config), scenario func(context.Context, *bubble)) {
	synctest.Test(t, func(t *testing.T) {
		b := emptyBubble(t, opener, func(c *node.Config) {
			for i, region := range []string{"eu", "us", "ap"} {
				c.Nodes[i].Region = region
			}
			c.Heartbeat, c.ElectionTimeout = 500*time.Millisecond, 2*time.Second // Why: minutes are played
			if tune != nil {
				tune(c)
			}
		})
		b.bootAll()
		defer b.close()
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		b.deploy(ctx, 2, "adder", []byte("any bytes"))
		scenario(ctx, b)
	})
}

func addersEverywhere(raft.NodeID) node.MachineOpener { return adders{} }

// place changes where leaders are to be.
func (b *bubble) place(ctx context.Context, c node.LeaderChange) {
	b.t.Helper()
	if _, err := b.nodes[2].node.ChangeLeaders(ctx, c); err != nil {
		b.t.Fatal(err)
	}
}

// handTo has a node lead a group.
func (b *bubble) handTo(ctx context.Context, g raft.GroupID, to raft.NodeID) {
	b.t.Helper()
	if _, err := b.nodes[2].node.TransferLeadership(ctx, g, to); err != nil {
		b.t.Fatal(err)
	}
}

// leads reports whether a node leads groups, as all nodes see it.
func (b *bubble) leads(id raft.NodeID, groups ...raft.GroupID) bool {
	for _, n := range b.nodes {
		if slices.ContainsFunc(groups, func(g raft.GroupID) bool { return n.node.Leader(g) != id }) {
			return false
		}
	}
	return true
}

// TestLeadersGoToThePreferredRegion: all groups get their leaders there, go on elsewhere
// when it fails, and return when it has been back for a while and not before. What was
// acknowledged counts once, and a leadership that somebody moved stays for some minutes.
func TestLeadersGoToThePreferredRegion(t *testing.T) {
	inThreeRegions(t, addersEverywhere, nil, func(ctx context.Context, b *bubble) {
		both := []raft.GroupID{node.MetaGroup, 2}
		for _, g := range both {
			b.handTo(ctx, g, 3)
		}
		b.place(ctx, node.LeaderChange{Regions: &[]string{"eu", "us"}})
		b.eventually(ctx, "1 leads all", func() bool { return b.leads(1, both...) })
		if n := b.nodes[3].node.LeaderTransfers()[node.TransferPreferred]; n != 2 {
			b.t.Errorf("3 handed over %d leaderships for the region", n)
		}
		b.work(ctx, 0, 20)

		disk := b.crash(1)
		b.eventually(ctx, "2 leads all, which is next on the list", func() bool { return b.leads(2, both...) })
		b.work(ctx, 20, 20)
		b.boot(1, disk)
		back := time.Now()
		b.eventually(ctx, "1 leads all again", func() bool { return b.leads(1, both...) })
		if after := time.Since(back); after < 30*time.Second || after > 3*time.Minute {
			b.t.Errorf("it took %v", after)
		}

		b.handTo(ctx, 2, 3)
		time.Sleep(2 * time.Minute) // virtual
		if !b.leads(3, 2) {
			b.t.Error("it has not stayed where somebody wanted it")
		}
		b.work(ctx, 40, 10)
	})
}

// TestLeadersWaitForWhoLags: the node in the preferred region gets a snapshot that takes
// longer than it would have to be steady; it leads once it has it.
func TestLeadersWaitForWhoLags(t *testing.T) {
	const size = 4 << 20
	opener := func(raft.NodeID) node.MachineOpener { return adders{ballast: size} }
	inThreeRegions(t, opener, hasty, func(ctx context.Context, b *bubble) {
		b.handTo(ctx, 2, 2)
		b.fileRate = size / 120 // of those that boot
		disks := map[raft.NodeID]*vfs.MemFS{}
		for _, id := range []raft.NodeID{3, 2} {
			disks[id] = b.crash(id)
			b.boot(id, disks[id])
			b.expectSum(ctx, id, 0)
		}
		disk := b.crash(1)
		time.Sleep(2 * time.Second) // virtual: from then on nobody keeps the log for it
		b.work(ctx, 0, 60)
		for id := range b.nodes {
			b.eventually(ctx, "its log is cut", func() bool { return b.status(ctx, id, 2).PurgedIndex > 0 })
		}
		b.place(ctx, node.LeaderChange{Regions: &[]string{"eu"}})
		b.boot(1, disk)
		back := time.Now()
		b.eventually(ctx, "1 leads", func() bool {
			installed := b.nodes[1].node.SnapshotStats().Installed > 0
			if b.leads(1, 2) && !installed {
				b.t.Fatal("it leads without what the others have")
			}
			return b.leads(1, 2) && installed
		})
		if after := time.Since(back); after < 2*time.Minute {
			b.t.Errorf("it led after %v, with a snapshot that takes 2m", after)
		}
		b.work(ctx, 60, 10)
	})
}

// TestLeadersDoNotGoWhereTheMachineIsNot: the node in the preferred region replicates and
// has no machine, so it does not want to lead.
func TestLeadersDoNotGoWhereTheMachineIsNot(t *testing.T) {
	inThreeRegions(t, addersEverywhere, nil, func(ctx context.Context, b *bubble) {
		b.handTo(ctx, node.MetaGroup, 2)
		b.handTo(ctx, 2, 2)
		b.opener = func(raft.NodeID) node.MachineOpener { return noAdders{} }
		b.boot(1, b.crash(1))
		b.place(ctx, node.LeaderChange{Regions: &[]string{"eu"}})
		b.eventually(ctx, "1 leads the meta group", func() bool { return b.leads(1, node.MetaGroup) })
		time.Sleep(time.Minute) // virtual
		if n := b.nodes[2].node.LeaderTransfers()[node.TransferPreferred]; !b.leads(2, 2) || n != 1 {
			b.t.Errorf("%v leads, %d transfers", b.leader(2), n)
		}
	})
}

// noAdders opens no machine.
type noAdders struct{ adders }

func (noAdders) Open(context.Context, []byte, node.OpenConfig) (node.Machine, error) {
	return nil, errors.New("no machines here")
}

// TestLeadersGoWhereCommandsComeFrom: with clients at another region's node the machine's
// leadership goes there, once that has been so for some minutes; not before it is wanted.
func TestLeadersGoWhereCommandsComeFrom(t *testing.T) {
	inThreeRegions(t, addersEverywhere, nil, func(ctx context.Context, b *bubble) {
		b.handTo(ctx, 2, 1)
		b.callFor(ctx, 3*time.Minute, 3, 1)
		if !b.leads(1, 2) {
			b.t.Error("it went without being wanted to")
		}
		follow := true
		b.place(ctx, node.LeaderChange{Follow: &follow})
		b.callFor(ctx, 3*time.Minute, 3, 1)
		if !b.leads(3, 2) || b.nodes[1].node.LeaderTransfers()[node.TransferCommands] != 1 {
			b.t.Errorf("%v leads; %v", b.leader(2), b.nodes[1].node.LeaderTransfers())
		}
		b.callFor(ctx, 2*time.Minute, 1, 3)
		if b.leads(1, 2) {
			b.t.Error("it came back so soon")
		}
	})
}

// callPause is the pause of clients.
const callPause = 400 * time.Millisecond

// callFor has clients send commands through a node, and a tenth as many through another one.
func (b *bubble) callFor(ctx context.Context, d time.Duration, most, few raft.NodeID) {
	b.t.Helper()
	for began := time.Now(); time.Since(began) < d; time.Sleep(callPause) { // virtual
		at := most
		if time.Since(began)%(10*callPause) < callPause {
			at = few
		}
		if _, err := b.nodes[at].node.Call(ctx, "adder", node.Call{Data: []byte{1}, Forward: true}); err != nil {
			b.t.Fatal(err)
		}
	}
}

// TestNodesSayWhereTheyAre: a node that starts with another region in its configuration tells
// the cluster, as soon as its level allows that.
func TestNodesSayWhereTheyAre(t *testing.T) {
	inThreeRegions(t, addersEverywhere, nil, func(ctx context.Context, b *bubble) {
		region := func(at, of raft.NodeID) string {
			r, _ := b.nodes[at].node.Catalogue().Node(of)
			return r.Region
		}
		moved := b.tune
		b.tune = func(c *node.Config) {
			moved(c)
			c.Nodes[0].Region = "sa"
		}
		b.boot(1, b.crash(1))
		b.eventually(ctx, "the others know where it is", func() bool { return region(2, 1) == "sa" && region(3, 1) == "sa" })
		if got := region(1, 2); got != "us" {
			b.t.Errorf("1 says that 2 is in %q", got)
		}
	})
}
