package nodetest_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/quic-go/quic-go/testutils/simnet"

	"github.com/wraft/wraft/internal/clock"
	"github.com/wraft/wraft/internal/pki"
	"github.com/wraft/wraft/node"
	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/storage"
	"github.com/wraft/wraft/transport"
	"github.com/wraft/wraft/transport/quic"
)

const bubbleCluster = "bubble"

// bubble is a cluster of production nodes under virtual time: their goroutines,
// quic-go over a simulated packet network, Pebble on a file system that crashes.
type bubble struct {
	t         *testing.T
	authority *pki.Authority
	router    *lossyRouter
	nodes     map[raft.NodeID]*bubbleNode
	opener    func(raft.NodeID) node.MachineOpener
	tune      func(*node.Config) // of nodes that boot; may be nil
	mode      node.SnapshotMode  // of machines that are deployed
	fileRate  int                // bytes per second of files that are served; 0: no bound
	probes    bool               // nodes that boot probe each other
	whole     bool               // packets of nodes that boot grow to what paths carry
	log       *slog.Logger       // of networks; may be nil
	// moved are where nodes listen that moved; only their own configuration says so.
	moved map[raft.NodeID]*net.UDPAddr
	// networks are those of the nodes that booted last.
	networks map[raft.NodeID]transport.Network
	// logs wraps the logs of a node that boots; may be nil.
	logs func(raft.NodeID, node.LogStore) node.LogStore
	// watch wraps the disk of a node that boots; may be nil.
	watch func(raft.NodeID, *vfs.MemFS) vfs.FS
	// hears wraps what a node that boots does with frames of its peers; may be nil.
	hears func(raft.NodeID, transport.Handler) transport.Handler
	// clocks gives a node that boots a clock of its own; may be nil.
	clocks func(raft.NodeID) clock.Clock
	// options changes how the store of a node that boots is opened; may be nil.
	options func(raft.NodeID, *storage.Options)
}

type bubbleNode struct {
	fs    *vfs.MemFS
	store *storage.Store
	conn  *simnet.SimConn
	node  *node.Node
}

func newBubble(t *testing.T, opener node.MachineOpener) *bubble { return tunedBubble(t, opener, nil) }

func tunedBubble(t *testing.T, opener node.MachineOpener, tune func(*node.Config)) *bubble {
	return newBubbleOf(t, func(raft.NodeID) node.MachineOpener { return opener }, tune)
}

// newBubbleOf gives each node an opener of its own.
func newBubbleOf(t *testing.T, opener func(raft.NodeID) node.MachineOpener, tune func(*node.Config)) *bubble {
	b := emptyBubble(t, opener, tune)
	b.bootAll()
	return b
}

// bootAll starts the three nodes of an empty bubble on new disks.
func (b *bubble) bootAll() {
	b.t.Helper()
	for id := raft.NodeID(1); id <= 3; id++ {
		b.boot(id, vfs.NewCrashableMem())
	}
}

// emptyBubble is one in which nobody runs yet.
func emptyBubble(t *testing.T, opener func(raft.NodeID) node.MachineOpener, tune func(*node.Config)) *bubble {
	authority, err := pki.NewAuthority(bubbleCluster, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	router := newLossyRouter(5*time.Millisecond, 1)
	return &bubble{t: t, authority: authority, router: router, nodes: map[raft.NodeID]*bubbleNode{}, networks: map[raft.NodeID]transport.Network{}, opener: opener, tune: tune}
}

func bubbleAddr(id raft.NodeID) *net.UDPAddr {
	return &net.UDPAddr{IP: net.IPv4(10, 0, 0, byte(id)), Port: 7444}
}

// addr is where a node listens that boots now.
func (b *bubble) addr(id raft.NodeID) *net.UDPAddr {
	if at := b.moved[id]; at != nil {
		return at
	}
	return bubbleAddr(id)
}

// boot starts a node on a disk.
func (b *bubble) boot(id raft.NodeID, fs *vfs.MemFS) {
	b.t.Helper()
	if err := b.tryBoot(id, fs); err != nil {
		b.t.Fatal(err)
	}
}

// tryBoot starts a node on a disk; it may refuse.
func (b *bubble) tryBoot(id raft.NodeID, fs *vfs.MemFS) error {
	b.t.Helper()
	fatal := func(err error) { b.t.Errorf("node %v: %v", id, err) }
	var disk vfs.FS = fs
	if b.watch != nil {
		disk = b.watch(id, fs)
	}
	options := storage.Options{FS: disk, Fatal: fatal, SetAside: true}
	if b.options != nil {
		b.options(id, &options)
	}
	store, err := storage.Open("data", options)
	if err != nil {
		return err
	}
	life := bubbleLife(id, store)
	conn := simnet.NewSimConn(b.addr(id), b.router)
	cfg := bubbleConfig(id)
	for i := range cfg.Nodes {
		if cfg.Nodes[i].ID == id {
			cfg.Nodes[i].PeerAddress = b.addr(id).String()
		}
	}
	if b.tune != nil {
		b.tune(&cfg)
	}
	n, err := node.Start(cfg, node.Parts{
		Store: b.logOf(id, store), Snapshots: store.Snapshots(), Modules: node.NewStoredModules(store.Modules()), Opener: b.opener(id), Clock: b.clock(id), Wall: time.Now,
		Logger: slog.New(slog.DiscardHandler), Life: life, Space: store.Space(),
		Network: func(h transport.Handler) (transport.Network, error) {
			if b.hears != nil {
				h = b.hears(id, h)
			}
			return b.network(raft.Member{Node: id, Incarnation: life.Incarnation}, store.Boot(), conn, h)
		},
	})
	if err != nil {
		_ = conn.Close() // the network closed it or never had it
		return errors.Join(err, store.Close())
	}
	b.nodes[id] = &bubbleNode{fs: fs, store: store, conn: conn, node: n}
	return nil
}

func (b *bubble) clock(id raft.NodeID) clock.Clock {
	if b.clocks == nil {
		return clock.System()
	}
	return b.clocks(id)
}

// bubbleLife is what a store says of its node's life.
func bubbleLife(id raft.NodeID, store *storage.Store) *node.Life {
	have, _ := store.Identity()
	return &node.Life{Incarnation: have.Incarnation, Past: store.Bereft(), Recovered: store.Recovered(), Settle: func(life raft.Incarnation) error {
		return store.Bootstrap(storage.Identity{Cluster: bubbleCluster, Node: id, Incarnation: life}, "three")
	}}
}

func (b *bubble) logOf(id raft.NodeID, store *storage.Store) node.LogStore {
	if b.logs == nil {
		return store
	}
	return b.logs(id, store)
}

func bubbleConfig(id raft.NodeID) node.Config {
	c := node.Config{Cluster: bubbleCluster, Self: id, Seed: uint64(id)}
	for i := raft.NodeID(1); i <= 3; i++ {
		c.Nodes = append(c.Nodes, node.NodeRecord{ID: i, Incarnation: 1, PeerAddress: bubbleAddr(i).String()})
	}
	return c
}

func (b *bubble) network(self raft.Member, boot uint64, conn net.PacketConn, h transport.Handler) (transport.Network, error) {
	id := self.Node
	pair, err := b.authority.IssueNode(id, []string{bubbleAddr(id).IP.String()}, time.Now(), time.Hour)
	if err != nil {
		return nil, err
	}
	cert, err := pair.TLS()
	if err != nil {
		return nil, err
	}
	cfg := quic.Config{
		Node: id, Incarnation: self.Incarnation, Boot: boot, Cluster: bubbleCluster, Conn: conn, Trust: trust(b.authority),
		Certificate: certificate(cert), FileBytesPerSecond: b.fileRate, Logger: b.log,
	}
	if b.whole {
		cfg.Conn = wholeConn{conn}
	}
	if b.probes {
		cfg.Probe = func(at net.Addr) (net.Conn, error) { return b.router.probe(b.addr(id), at.(*net.UDPAddr)), nil }
	}
	network, err := quic.New(cfg, h)
	if err != nil {
		return nil, err
	}
	b.networks[id] = network
	return network, nil
}

// crash cuts a node off and returns what its disk holds after the loss of
// everything that was not synced.
func (b *bubble) crash(id raft.NodeID) *vfs.MemFS {
	n := b.nodes[id]
	b.router.remove(b.addr(id)) // Why: it must not say good-bye
	after := n.fs.CrashClone(vfs.CrashCloneCfg{})
	b.stop(id)
	return after
}

func (b *bubble) stop(id raft.NodeID) {
	n := b.nodes[id]
	delete(b.nodes, id)
	if err := n.node.Close(); err != nil {
		b.t.Errorf("close of %v: %v", id, err)
	}
	_ = n.conn.Close() // the network closed it or does not need it
	if err := n.store.Close(); err != nil {
		b.t.Errorf("close of the store of %v: %v", id, err)
	}
}

func (b *bubble) close() {
	for id := range b.nodes {
		b.stop(id)
	}
}

func (b *bubble) leader(g raft.GroupID) raft.NodeID {
	for _, n := range b.nodes {
		if l := n.node.Leader(g); l != 0 && b.nodes[l] != nil {
			return l
		}
	}
	return 0
}

// deploy puts a module on the cluster through one node.
func (b *bubble) deploy(ctx context.Context, via raft.NodeID, name string, binary []byte) {
	b.t.Helper()
	n := b.nodes[via].node
	d := node.DigestOf(binary)
	if _, _, err := n.PutModule(ctx, d, bytes.NewReader(binary)); err != nil {
		b.t.Fatalf("upload: %v", err)
	}
	if _, _, err := n.Deploy(ctx, node.DeployRequest{Machine: name, Module: d, Snapshot: b.mode}); err != nil {
		b.t.Fatalf("deploy: %v", err)
	}
}

// client adds 1 in a session until it has done n, at a node of its choice each time.
func (b *bubble) client(ctx context.Context, n int, answers chan<- uint64) error {
	return b.clientThat(ctx, n, func(sum uint64) { answers <- sum })
}

// clientThat is client with a call for each answer, before the next command is sent.
func (b *bubble) clientThat(ctx context.Context, n int, answered func(sum uint64)) error {
	var session node.SessionID
	at := raft.NodeID(1)
	for seq := uint64(1); seq <= uint64(n); {
		if ctx.Err() != nil {
			return fmt.Errorf("sequence %d: %w", seq, ctx.Err())
		}
		bn := b.nodes[at]
		at = at%3 + 1
		if bn == nil {
			continue
		}
		try, cancel := context.WithTimeout(ctx, 2*time.Second)
		var err error
		if session == 0 {
			session, err = bn.node.OpenSession(try, "adder")
			cancel()
			continue
		}
		var r node.CallResult
		r, err = bn.node.Call(try, "adder", node.Call{Data: []byte{1}, Session: session, Sequence: seq, AckBelow: seq, Forward: true})
		cancel()
		if err != nil {
			continue
		}
		if r.Status != 0 {
			return fmt.Errorf("sequence %d: status %d", seq, r.Status)
		}
		answered(binary.BigEndian.Uint64(r.Data))
		seq++
	}
	return nil
}

// TestBubble runs a production cluster through the crash of its leader: every
// command takes effect once, and the crashed node catches up.
func TestBubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, adders{})
		defer b.close()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
		defer cancel()
		b.deploy(ctx, 2, "adder", []byte("any bytes"))
		const commands = 200
		answers, failed := make(chan uint64, commands), make(chan error, 1)
		go func() { failed <- b.client(ctx, commands/2, answers) }()
		if err := <-failed; err != nil {
			t.Fatal(err)
		}
		old := b.leader(2)
		disk := b.crash(old)
		began := time.Now()
		go func() { failed <- b.client(ctx, commands/2, answers) }()
		if err := <-failed; err != nil {
			t.Fatal(err)
		}
		t.Logf("%d commands after the crash of the leader took %v", commands/2, time.Since(began))
		close(answers)
		want := uint64(1)
		for got := range answers {
			if got != want {
				t.Fatalf("an answer is %d, want %d: a command was lost or doubled", got, want)
			}
			want++
		}
		b.boot(old, disk)
		b.expectSum(ctx, old, commands)
	})
}

// expectSum asks one node for a linearizable read until it answers.
func (b *bubble) expectSum(ctx context.Context, at raft.NodeID, want uint64) {
	b.t.Helper()
	for {
		r, err := b.nodes[at].node.Ask(ctx, "adder", node.Ask{Forward: true})
		if err == nil {
			if got := binary.BigEndian.Uint64(r.Data); got != want {
				b.t.Errorf("node %v answers %d, want %d", at, got, want)
			}
			return
		}
		if ctx.Err() != nil {
			b.t.Fatalf("node %v never answered: %v", at, err)
		}
		time.Sleep(10 * time.Millisecond) // virtual: lets the node replay its log
	}
}

func trust(a *pki.Authority) func() *pki.Trust {
	t := pki.TrustIn(a.Pool())
	return func() *pki.Trust { return t }
}
