package server

import (
	"context"
	"encoding/json"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/internal/bootstrap"
	"github.com/wraft/wraft/internal/nodeconfig"
	"github.com/wraft/wraft/internal/pki"
	"github.com/wraft/wraft/internal/ports"
)

// twoNodes writes a cluster of two nodes down and returns their configurations.
func twoNodes(t *testing.T) [2]Config {
	t.Helper()
	dir := t.TempDir()
	var out [2]Config
	var nodes []nodeconfig.Node
	// Why these: whoever has a node listen over UDP, too, does so at the same port.
	apis, err := ports.Addresses(len(out))
	if err != nil {
		t.Fatal(err)
	}
	for i := range out {
		listener, err := net.Listen("tcp", apis[i])
		if err != nil {
			t.Fatal(err)
		}
		conn, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		nodes = append(nodes, nodeconfig.Node{ID: client.NodeID(i + 1), Peer: conn.LocalAddr().String(), API: listener.Addr().String()})
		out[i] = Config{Cluster: "pair", Node: nodes[i].ID, DataDir: filepath.Join(dir, nodes[i].API), APIListener: listener, PeerConn: conn}
	}
	plan := bootstrap.Plan{Cluster: "pair", Nodes: nodes}
	if err := plan.Write(filepath.Join(dir, "c"), time.Now()); err != nil {
		t.Fatal(err)
	}
	for i := range out {
		home := filepath.Join(dir, "c", bootstrap.NodeDir(out[i].Node))
		out[i].Nodes = nodes
		out[i].TLS = nodeconfig.TLSFiles{
			CA: filepath.Join(home, pki.AuthorityCertFile), Cert: filepath.Join(home, "node.crt"), Key: filepath.Join(home, "node.key"), ClientAuth: nodeconfig.ClientAuthNone,
		}
	}
	return out
}

// TestViews has one node ask the other how it sees the cluster, while it runs and after.
func TestViews(t *testing.T) {
	if testing.Short() {
		t.Skip("starts two nodes")
	}
	configs := twoNodes(t)
	var nodes [2]*Server
	for i := range configs {
		var err error
		if nodes[i], err = start(t, configs[i]); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	b := backend{node: nodes[0].node, cluster: "pair"}
	await := func(what string, holds func(other client.NodeView) bool) {
		t.Helper()
		for {
			views, err := b.ClusterViews(ctx)
			if err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			if len(views.Views) != 2 || views.Views[0].Cluster == nil || views.ServedBy != 1 {
				text, _ := json.Marshal(views)
				t.Fatalf("%s: %s", what, text)
			}
			if holds(views.Views[1]) {
				return
			}
			select {
			case <-time.After(20 * time.Millisecond):
			case <-ctx.Done():
				t.Fatalf("%s: %+v", what, views.Views[1])
			}
		}
	}
	await("the other one's own view", func(v client.NodeView) bool {
		return v.Cluster != nil && v.Cluster.ServedBy == 2 && len(v.Cluster.Groups) == 1 && v.Cluster.Nodes[0].Up && v.Problem == ""
	})
	stop(t, nodes[1])
	await("that it is gone", func(v client.NodeView) bool {
		return v.Cluster == nil && strings.Contains(v.Problem, "no connection to")
	})
	stop(t, nodes[0])
}
