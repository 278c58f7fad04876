package server

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/internal/bootstrap"
	"github.com/wraft/wraft/internal/nodeconfig"
	"github.com/wraft/wraft/internal/pki"
)

// oneNode writes a cluster of one node down and returns its configuration.
func oneNode(t testing.TB, cluster string) Config {
	t.Helper()
	dir := t.TempDir()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n := nodeconfig.Node{ID: 1, Peer: conn.LocalAddr().String(), API: listener.Addr().String()}
	plan := bootstrap.Plan{Cluster: cluster, Nodes: []nodeconfig.Node{n}}
	if err := plan.Write(filepath.Join(dir, "c"), time.Now()); err != nil {
		t.Fatal(err)
	}
	home := filepath.Join(dir, "c", bootstrap.NodeDir(1))
	return Config{
		Cluster: cluster, Node: 1, DataDir: filepath.Join(dir, "data"), Nodes: []nodeconfig.Node{n},
		TLS: nodeconfig.TLSFiles{
			CA: filepath.Join(home, pki.AuthorityCertFile), Cert: filepath.Join(home, "node.crt"), Key: filepath.Join(home, "node.key"),
			ClientAuth: nodeconfig.ClientAuthNone,
		},
		APIListener: listener, PeerConn: conn,
	}
}

// fresh is the configuration with sockets of its own, for a second start.
func fresh(t testing.TB, c Config) Config {
	t.Helper()
	var err error
	if c.APIListener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	if c.PeerConn, err = net.ListenPacket("udp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	return c
}

func start(t testing.TB, c Config) (*Server, error) {
	t.Helper()
	return Start(t.Context(), c, slog.New(slog.DiscardHandler))
}

func stop(t testing.TB, s *Server) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := s.Close(ctx); err != nil {
		t.Errorf("close: %v", err)
	}
	if err := s.Wait(); err != nil {
		t.Errorf("a closed server ended with %v", err)
	}
}

func code(err error) client.Code {
	var p *client.Problem
	if errors.As(err, &p) {
		return p.Code
	}
	return ""
}

// TestStartStopStart: a node serves, stops, and starts again on its data.
func TestStartStopStart(t *testing.T) {
	c := oneNode(t, "blue")
	for range 2 {
		s, err := start(t, c)
		if err != nil {
			t.Fatal(err)
		}
		b := backend{node: s.node, cluster: "blue"}
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		if _, err := b.Machines(ctx); err != nil {
			t.Errorf("list machines: %v", err)
		}
		info, err := b.ClusterInfo(ctx)
		if err != nil || info.Cluster != "blue" || len(info.Nodes) != 1 || info.Nodes[0].Role != "leader" {
			t.Errorf("cluster: %+v, %v", info, err)
		}
		if _, err := b.Command(ctx, "nobody", client.Command{Forward: true}); code(err) != client.CodeUnknownMachine {
			t.Errorf("a command to nobody: %v", err)
		}
		if _, _, err := b.PutModule(ctx, client.DigestOf([]byte("text")), strings.NewReader("text"), 4); code(err) != client.CodeModuleRefused {
			t.Errorf("a text file as a module: %v", err)
		}
		cancel()
		stop(t, s)
		c = fresh(t, c)
	}
}

// TestStartRefuses: each mistake of an operator has its code and changes nothing.
func TestStartRefuses(t *testing.T) {
	c := oneNode(t, "blue")
	s, err := start(t, c)
	if err != nil {
		t.Fatal(err)
	}
	again := fresh(t, c)
	if _, err := start(t, again); code(err) != client.CodeDataDirInUse {
		t.Errorf("a data directory in use: %v", err)
	}
	stop(t, s)

	green := oneNode(t, "green")
	green.DataDir = c.DataDir
	if _, err := start(t, green); code(err) != client.CodeDataDirForeign {
		t.Errorf("the data of another cluster: %v", err)
	}
	other := fresh(t, c)
	other.Nodes = append([]nodeconfig.Node{}, other.Nodes...)
	other.Nodes = append(other.Nodes, nodeconfig.Node{ID: 2, Peer: "127.0.0.1:1", API: "127.0.0.1:2"})
	if _, err := start(t, other); code(err) != client.CodeDataDirForeign {
		t.Errorf("another bootstrap of the same cluster: %v", err)
	}
	stranger := fresh(t, c)
	stranger.TLS = oneNode(t, "green").TLS
	if _, err := start(t, stranger); code(err) != client.CodeTLS {
		t.Errorf("the certificate of another cluster: %v", err)
	}
	mixed := fresh(t, c)
	mixed.TLS.CA = oneNode(t, "blue").TLS.CA
	if _, err := start(t, mixed); code(err) != client.CodeTLS {
		t.Errorf("a certificate of another authority: %v", err)
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	busy := fresh(t, c)
	busy.APIListener.Close()
	busy.APIListener, busy.ListenAPI = nil, taken.Addr().String()
	if _, err := start(t, busy); code(err) != client.CodeAddressInUse {
		t.Errorf("an address in use: %v", err)
	}
}
