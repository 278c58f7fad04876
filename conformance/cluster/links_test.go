package cluster

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wraft/wraft/client"
)

// TestLinkLeadsOverRelays: a configuration that names each other node gets a way to it over a
// relay, or only where one of the two was named.
func TestLinkLeadsOverRelays(t *testing.T) {
	for name, test := range map[string]struct {
		only []client.NodeID
		want string // from-to of each way over a relay
	}{
		"all":          {nil, "1-2 1-3 2-1 2-3 3-1 3-2"},
		"one of three": {[]client.NodeID{3}, "1-3 2-3 3-1 3-2"},
	} {
		t.Run(name, func(t *testing.T) {
			c := describedCluster(t, 3)
			l, err := c.Link(1, test.only...)
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := l.Close(); err != nil {
					t.Error(err)
				}
			}()
			var got []string
			for _, from := range c.Nodes {
				text, err := os.ReadFile(from.ConfigFile())
				if err != nil {
					t.Fatal(err)
				}
				for _, to := range c.Nodes {
					if to != from && strings.Contains(string(text), fmt.Sprintf("peer: %q\n    via: %q\n", to.Peer, l.Via(from.ID, to.ID))) {
						got = append(got, fmt.Sprintf("%d-%d", from.ID, to.ID))
					}
				}
				if strings.Count(string(text), "via:") != strings.Count(test.want, fmt.Sprintf("%d-", from.ID)) {
					t.Errorf("node %d: %s", from.ID, text)
				}
			}
			if strings.Join(got, " ") != test.want {
				t.Errorf("%v go over relays, want %s", got, test.want)
			}
		})
	}
}

// describedCluster has configurations that name its nodes, and nothing else.
func describedCluster(t *testing.T, nodes int) *Cluster {
	t.Helper()
	c := &Cluster{Dir: t.TempDir()}
	text := "nodes:\n"
	for i := range nodes {
		n := &Node{ID: nodeID(i), Peer: fmt.Sprintf("127.0.0.1:%d", i+1), Dir: filepath.Join(c.Dir, fmt.Sprint(i)), cluster: c}
		c.Nodes = append(c.Nodes, n)
		text += fmt.Sprintf("  - id: %d\n    peer: %q\n", n.ID, n.Peer)
	}
	for _, n := range c.Nodes {
		if err := errors.Join(os.MkdirAll(n.Dir, 0o700), os.WriteFile(n.ConfigFile(), []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	return c
}
