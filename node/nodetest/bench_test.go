package nodetest_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/wraft/wraft/internal/clock"
	"github.com/wraft/wraft/internal/pki"
	"github.com/wraft/wraft/internal/wasmtest"
	"github.com/wraft/wraft/node"
	"github.com/wraft/wraft/plugins"
	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/storage"
	"github.com/wraft/wraft/transport"
	"github.com/wraft/wraft/transport/quic"
)

// BenchmarkCall is the cost of a command through three production nodes of one
// process: QUIC on loopback, Pebble with fsync on a real disk, and a machine that
// is a Go value or the counter in WASM.
func BenchmarkCall(b *testing.B) {
	machines := []struct {
		name    string
		opener  func(b *testing.B) node.MachineOpener
		binary  func(b *testing.B) []byte
		payload []byte
	}{
		{"go", func(*testing.B) node.MachineOpener { return adders{} }, func(*testing.B) []byte { return []byte("any bytes") }, make([]byte, 128)},
		{"wasm", wasmOpener, func(b *testing.B) []byte { return wasmtest.Counter(b) }, []byte("incr")},
	}
	for _, m := range machines {
		for _, clients := range []int{1, 16, 64, 256} {
			b.Run(fmt.Sprintf("machine=%s/clients=%d", m.name, clients), func(b *testing.B) {
				benchmarkCall(b, clients, m.opener(b), m.binary(b), m.payload)
			})
		}
	}
}

func wasmOpener(b *testing.B) node.MachineOpener {
	engine, err := plugins.NewEngine(plugins.Config{CacheDir: filepath.Join(b.TempDir(), "cache")})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := engine.Close(context.Background()); err != nil {
			b.Error(err)
		}
	})
	return node.NewWASM(engine)
}

func benchmarkCall(b *testing.B, clients int, opener node.MachineOpener, binary, payload []byte) {
	nodes := startLoopback(b, 3, opener)
	ctx := context.Background()
	leader := deployLoopback(ctx, b, nodes, binary)
	b.ReportAllocs()
	b.SetParallelism((clients + 1) / 2) // times GOMAXPROCS, which is 2 on the reference machine
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := leader.Call(ctx, "adder", node.Call{Data: payload, Forward: true}); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

func startLoopback(b *testing.B, count int, opener node.MachineOpener) []*node.Node {
	b.Helper()
	authority, err := pki.NewAuthority(bubbleCluster, time.Now())
	if err != nil {
		b.Fatal(err)
	}
	var conns []net.PacketConn
	var records []node.NodeRecord
	for i := range count {
		conn, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			b.Fatal(err)
		}
		conns = append(conns, conn)
		records = append(records, node.NodeRecord{ID: raft.NodeID(i + 1), Incarnation: 1, PeerAddress: conn.LocalAddr().String()})
	}
	var nodes []*node.Node
	for i, conn := range conns {
		nodes = append(nodes, startLoopbackNode(b, authority, records, raft.NodeID(i+1), conn, opener))
	}
	return nodes
}

func startLoopbackNode(b *testing.B, authority *pki.Authority, records []node.NodeRecord, id raft.NodeID, conn net.PacketConn, opener node.MachineOpener) *node.Node {
	b.Helper()
	store, err := storage.Open(b.TempDir(), storage.Options{FS: vfs.Default})
	if err != nil {
		b.Fatal(err)
	}
	if err := store.Bootstrap(storage.Identity{Cluster: bubbleCluster, Node: id, Incarnation: 1}, "three"); err != nil {
		b.Fatal(err)
	}
	pair, err := authority.IssueNode(id, []string{"127.0.0.1"}, time.Now(), time.Hour)
	if err != nil {
		b.Fatal(err)
	}
	cert, err := pair.TLS()
	if err != nil {
		b.Fatal(err)
	}
	n, err := node.Start(node.Config{Cluster: bubbleCluster, Self: id, Nodes: records, Seed: uint64(id)}, node.Parts{
		Store: store, Modules: node.NewStoredModules(store.Modules()), Opener: opener, Clock: clock.System(), Logger: slog.New(slog.DiscardHandler),
		Network: func(h transport.Handler) (transport.Network, error) {
			return quic.New(quic.Config{
				Node: id, Incarnation: 1, Boot: store.Boot(), Cluster: bubbleCluster, Conn: conn, Trust: trust(authority), Certificate: certificate(cert),
			}, h)
		},
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := n.Close(); err != nil {
			b.Error(err)
		}
		_ = conn.Close() // quic-go may have closed it
		if err := store.Close(); err != nil {
			b.Error(err)
		}
	})
	return n
}

// deployLoopback returns the node that leads the new machine's group.
func deployLoopback(ctx context.Context, b *testing.B, nodes []*node.Node, binary []byte) *node.Node {
	b.Helper()
	d := node.DigestOf(binary)
	if _, _, err := nodes[0].PutModule(ctx, d, bytes.NewReader(binary)); err != nil {
		b.Fatal(err)
	}
	m, _, err := nodes[0].Deploy(ctx, node.DeployRequest{Machine: "adder", Module: d})
	if err != nil {
		b.Fatal(err)
	}
	return nodes[nodes[0].Leader(m.Group)-1]
}
