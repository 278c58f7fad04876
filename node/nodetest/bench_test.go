package nodetest_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/wraft/wraft/internal/clock"
	"github.com/wraft/wraft/internal/pki"
	"github.com/wraft/wraft/node"
	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/storage"
	"github.com/wraft/wraft/transport"
	"github.com/wraft/wraft/transport/quic"
)

// BenchmarkCall is the cost of a command through three production nodes of one
// process: QUIC on loopback, Pebble with fsync on a real disk, a machine in Go.
func BenchmarkCall(b *testing.B) {
	for _, clients := range []int{1, 16, 64, 256} {
		b.Run(fmt.Sprintf("clients=%d", clients), func(b *testing.B) { benchmarkCall(b, clients) })
	}
}

func benchmarkCall(b *testing.B, clients int) {
	nodes := startLoopback(b)
	ctx := context.Background()
	leader := deployLoopback(ctx, b, nodes)
	payload := make([]byte, 128)
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

func startLoopback(b *testing.B) []*node.Node {
	b.Helper()
	authority, err := pki.NewAuthority(bubbleCluster, time.Now())
	if err != nil {
		b.Fatal(err)
	}
	var conns []net.PacketConn
	var records []node.NodeRecord
	for i := range 3 {
		conn, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			b.Fatal(err)
		}
		conns = append(conns, conn)
		records = append(records, node.NodeRecord{ID: raft.NodeID(i + 1), Incarnation: 1, PeerAddress: conn.LocalAddr().String()})
	}
	var nodes []*node.Node
	for i, conn := range conns {
		nodes = append(nodes, startLoopbackNode(b, authority, records, raft.NodeID(i+1), conn))
	}
	return nodes
}

func startLoopbackNode(b *testing.B, authority *pki.Authority, records []node.NodeRecord, id raft.NodeID, conn net.PacketConn) *node.Node {
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
		Store: store, Modules: node.NewStoredModules(store.Modules()), Opener: adders{}, Clock: clock.System(), Logger: slog.New(slog.DiscardHandler),
		Network: func(h transport.Handler) (transport.Network, error) {
			return quic.New(quic.Config{
				Node: id, Incarnation: 1, Boot: store.Boot(), Cluster: bubbleCluster, Conn: conn, CAs: authority.Pool(), Certificate: certificate(cert),
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
func deployLoopback(ctx context.Context, b *testing.B, nodes []*node.Node) *node.Node {
	b.Helper()
	d := node.DigestOf([]byte("any bytes"))
	if _, _, err := nodes[0].PutModule(ctx, d, strings.NewReader("any bytes")); err != nil {
		b.Fatal(err)
	}
	m, _, err := nodes[0].Deploy(ctx, "adder", d, node.MachineLimits{})
	if err != nil {
		b.Fatal(err)
	}
	return nodes[nodes[0].Leader(m.Group)-1]
}
