package nodetest_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wraft/wraft/internal/wasmtest"
	"github.com/wraft/wraft/node"
	"github.com/wraft/wraft/raft"
)

// inBubble runs a scenario on a cluster on which the adder is deployed.
func inBubble(t *testing.T, scenario func(ctx context.Context, t *testing.T, b *bubble)) {
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, adders{})
		defer b.close()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
		defer cancel()
		b.deploy(ctx, 1, "adder", []byte("any bytes"))
		scenario(ctx, t, b)
	})
}

// inEachBubble is inBubble as it is, where a log keeps everything, and in both modes with
// snapshots all the time and next to nothing of the log.
func inEachBubble(t *testing.T, scenario func(ctx context.Context, t *testing.T, b *bubble)) {
	t.Run("log", func(t *testing.T) { inBubble(t, scenario) })
	inBothModes(t, func(t *testing.T, mode node.SnapshotMode) {
		synctest.Test(t, func(t *testing.T) {
			b := tunedBubble(t, adders{ballast: 20 << 10}, hasty)
			b.mode = mode
			defer b.close()
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
			defer cancel()
			b.deploy(ctx, 1, "adder", []byte("any bytes"))
			scenario(ctx, t, b)
		})
	})
}

// TestMajorityLost is scenario N8: with two of three nodes gone, writes and
// linearizable reads refuse in bounded time and say that nothing was applied; stale
// reads go on; when the nodes return, everything acknowledged is there.
func TestMajorityLost(t *testing.T) {
	inEachBubble(t, func(ctx context.Context, t *testing.T, b *bubble) {
		answers := make(chan uint64, 10)
		if err := b.client(ctx, 10, answers); err != nil {
			t.Fatal(err)
		}
		left := b.leader(2)%3 + 1 // not the leader
		disks := map[raft.NodeID]func(){}
		for id := raft.NodeID(1); id <= 3; id++ {
			if id != left {
				fs := b.crash(id)
				disks[id] = func() { b.boot(id, fs) }
			}
		}
		n := b.nodes[left].node
		time.Sleep(3 * time.Second) // virtual: the survivor notices
		began := time.Now()
		if _, err := n.Call(ctx, "adder", node.Call{Data: []byte{1}, Forward: true}); !errors.Is(err, node.ErrNoLeader) {
			t.Errorf("a write without a majority ended with %v, want ErrNoLeader", err)
		}
		if _, err := n.Ask(ctx, "adder", node.Ask{Forward: true}); !errors.Is(err, node.ErrNoLeader) {
			t.Errorf("a read without a majority ended with %v, want ErrNoLeader", err)
		}
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("refusing took %v of virtual time", took)
		}
		if r, err := n.Ask(ctx, "adder", node.Ask{Mode: raft.ReadLocal}); err != nil || r.Data[7] != 10 {
			t.Errorf("a stale read without a majority: %v, %v; want 10", r.Data, err)
		}
		for _, back := range disks {
			back()
		}
		b.expectSum(ctx, left, 10)
	})
}

// TestRequestsAtAFollower is scenario N9 without the learner: a follower forwards
// once, or says who leads.
func TestRequestsAtAFollower(t *testing.T) {
	inBubble(t, func(ctx context.Context, t *testing.T, b *bubble) {
		leader := b.leader(2)
		follower := b.nodes[leader%3+1].node
		if r, err := follower.Call(ctx, "adder", node.Call{Data: []byte{1}, Forward: true}); err != nil || r.Data[7] != 1 {
			t.Errorf("forwarded: %v, %v; want 1", r.Data, err)
		}
		var notLeader *raft.NotLeaderError
		if _, err := follower.Call(ctx, "adder", node.Call{Data: []byte{1}}); !errors.As(err, &notLeader) || notLeader.Leader != leader {
			t.Errorf("without forwarding: %v, want a NotLeaderError that names %v", err, leader)
		}
		if _, err := follower.Ask(ctx, "adder", node.Ask{}); !errors.As(err, &notLeader) || notLeader.Leader != leader {
			t.Errorf("a read without forwarding: %v, want a NotLeaderError that names %v", err, leader)
		}
		if r, err := follower.Ask(ctx, "adder", node.Ask{Forward: true}); err != nil || r.Data[7] != 1 {
			t.Errorf("a follower's linearizable read: %v, %v; want 1", r.Data, err)
		}
	})
}

// TestBadRequests: each mistake has its error, and nothing changes.
func TestBadRequests(t *testing.T) {
	inBubble(t, func(ctx context.Context, t *testing.T, b *bubble) {
		n := b.nodes[2].node
		call := func(machine string, c node.Call) error {
			_, err := n.Call(ctx, machine, c)
			return err
		}
		_, errModule := n.Find(ctx, "nothing")
		_, _, errDigest := n.PutModule(ctx, node.Digest{1}, strings.NewReader("other bytes"))
		_, _, errMissing := n.Deploy(ctx, node.DeployRequest{Machine: "x", Module: node.Digest{9}})
		_, _, errLimits := n.Deploy(ctx, node.DeployRequest{Machine: "x", Module: node.DigestOf([]byte("any bytes")), Limits: node.MachineLimits{MemoryBytes: 1 << 40}})
		_, _, errOther := n.Deploy(ctx, node.DeployRequest{Machine: "adder", Module: node.DigestOf([]byte("any bytes")), Limits: node.MachineLimits{MemoryBytes: 1 << 20}})
		_, errIndex := n.Ask(ctx, "adder", node.Ask{Mode: raft.ReadLocal, MinIndex: 1 << 40, Wait: time.Second})
		var conflict *node.ConflictError
		var limit *node.LimitError
		if !errors.As(errLimits, &limit) || limit.Limit != "memory_bytes" {
			t.Errorf("more memory than allowed: %v", errLimits)
		}
		cases := []struct {
			name string
			err  error
			want error
		}{
			{"an unknown machine", call("nothing", node.Call{Forward: true}), node.ErrNoMachine},
			{"looking up an unknown machine", errModule, node.ErrNoMachine},
			{"a command over the limit", call("adder", node.Call{Data: make([]byte, 1<<20+1), Forward: true}), node.ErrTooLarge},
			{"bytes of another digest", errDigest, node.ErrDigestMismatch},
			{"a module nobody has", errMissing, node.ErrNoModule},
			{"an index far ahead", errIndex, node.ErrIndexNotReached},
		}
		for _, c := range cases {
			if !errors.Is(c.err, c.want) {
				t.Errorf("%s: %v, want %v", c.name, c.err, c.want)
			}
		}
		if !errors.As(errOther, &conflict) {
			t.Errorf("other limits under a name that is taken: %v, want a ConflictError", errOther)
		}
		if r, err := n.Call(ctx, "adder", node.Call{Session: 99, Sequence: 1, Data: []byte{1}, Forward: true}); err != nil || r.Status != node.StatusSessionExpired {
			t.Errorf("an unknown session: status %d, %v", r.Status, err)
		}
		b.expectSum(ctx, 2, 0)
	})
}

// TestLossyBubble: at 10 % loss of packets each way every command still takes
// effect once, through whichever node it is sent.
func TestLossyBubble(t *testing.T) {
	inEachBubble(t, func(ctx context.Context, t *testing.T, b *bubble) {
		b.router.lose(0.10)
		answers := make(chan uint64, 60)
		if err := b.client(ctx, 60, answers); err != nil {
			t.Fatal(err)
		}
		b.router.lose(0)
		for id := raft.NodeID(1); id <= 3; id++ {
			b.expectSum(ctx, id, 60)
		}
	})
}

// TestBubbleWASM runs the counter in WASM on all three nodes: the same exported
// state everywhere, also on a node that crashed and replayed its log.
func TestBubbleWASM(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles a Go guest")
	}
	binary := wasmtest.Counter(t)
	engine := sharedEngine(t)
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, node.NewWASM(engine))
		defer b.close()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		b.deploy(ctx, 3, "counter", binary)
		increment := func(at raft.NodeID, want string) {
			t.Helper()
			r, err := b.nodes[at].node.Call(ctx, "counter", node.Call{Data: []byte("incr"), Forward: true})
			if err != nil || string(r.Data) != want {
				t.Fatalf("incr at %v: %q, %v; want %s", at, r.Data, err, want)
			}
		}
		increment(1, `{"value":1}`)
		increment(2, `{"value":2}`)
		fs := b.crash(1)
		b.boot(1, fs)
		b.expectCounter(ctx, 1, `{"value":2}`)
		increment(1, `{"value":3}`)
		digests := map[[32]byte]bool{}
		for id := raft.NodeID(1); id <= 3; id++ {
			b.expectCounter(ctx, id, `{"value":3}`)
			d, _, err := b.nodes[id].node.Digest(ctx, 2)
			if err != nil {
				t.Fatal(err)
			}
			digests[d] = true
		}
		if len(digests) != 1 {
			t.Errorf("the nodes export %d different states", len(digests))
		}
	})
}

// expectCounter asks one node for a linearizable read until it answers.
func (b *bubble) expectCounter(ctx context.Context, at raft.NodeID, want string) {
	b.t.Helper()
	for {
		r, err := b.nodes[at].node.Ask(ctx, "counter", node.Ask{Data: []byte("get"), Forward: true})
		if err == nil {
			if string(r.Data) != want {
				b.t.Errorf("node %v answers %s, want %s", at, r.Data, want)
			}
			return
		}
		if ctx.Err() != nil {
			b.t.Fatalf("node %v never answered: %v", at, err)
		}
		time.Sleep(10 * time.Millisecond) // virtual: lets the node open its machine and replay
	}
}

// TestFarBehind is scenario N1 on whole nodes: a follower is gone for thousands of
// small entries and comes back to all of them.
func TestFarBehind(t *testing.T) {
	if testing.Short() {
		t.Skip("replicates thousands of entries, which takes a minute under the race detector")
	}
	inBubble(t, func(ctx context.Context, t *testing.T, b *bubble) {
		leader := b.leader(2)
		away := leader%3 + 1
		disk := b.crash(away)
		const entries = 8000 // many more than one append may hold
		for i := range entries {
			if _, err := b.nodes[leader].node.Call(ctx, "adder", node.Call{Data: []byte{1}, Forward: true}); err != nil {
				t.Fatalf("command %d: %v", i, err)
			}
		}
		b.boot(away, disk)
		b.expectSum(ctx, away, entries)
	})
}
