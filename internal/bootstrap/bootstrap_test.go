package bootstrap

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/internal/nodeconfig"
	"github.com/wraft/wraft/internal/pki"
)

func testPlan(t *testing.T) Plan {
	t.Helper()
	nodes, err := LocalNodes(3, "127.0.0.1", 7443)
	if err != nil {
		t.Fatal(err)
	}
	return Plan{Cluster: "demo", Nodes: nodes}
}

func TestLocalNodes(t *testing.T) {
	nodes := testPlan(t).Nodes
	if len(nodes) != 3 || nodes[0].API != "127.0.0.1:7443" || nodes[0].Peer != "127.0.0.1:7444" || nodes[2].Peer != "127.0.0.1:7464" {
		t.Errorf("got %+v", nodes)
	}
	for _, bad := range [][2]int{{0, 7443}, {10, 7443}, {1, 0}, {3, 65530}} {
		if _, err := LocalNodes(bad[0], "h", bad[1]); err == nil {
			t.Errorf("%v was taken", bad)
		}
	}
}

func TestParseNode(t *testing.T) {
	got, err := ParseNode("7=10.0.0.1:7444/10.0.0.1:7443/eu")
	if want := (nodeconfig.Node{ID: 7, Peer: "10.0.0.1:7444", API: "10.0.0.1:7443", Region: "eu"}); err != nil || got != want {
		t.Errorf("got %+v, %v", got, err)
	}
	for _, bad := range []string{"", "1", "0=a:1/b:2", "x=a:1/b:2", "1=a:1", "1=a:1/b:2/c/d", "-1=a:1/b:2"} {
		if got, err := ParseNode(bad); err == nil {
			t.Errorf("%q was taken as %+v", bad, got)
		}
	}
}

// TestWriteMakesAJoiner: the folder of a node that joins has all it needs, once.
func TestWriteMakesAJoiner(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cluster")
	plan := testPlan(t)
	if err := plan.Write(dir, time.Now()); err != nil {
		t.Fatal(err)
	}
	j := Joiner{Cluster: "demo", Node: nodeconfig.Node{ID: 4, Peer: "h:1", API: "h:2", Region: "eu"}, Others: plan.Nodes}
	home, authority := filepath.Join(dir, "node-4"), filepath.Join(dir, AuthorityDir)
	if err := j.Write(home, authority, time.Now()); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(home, ConfigFile))
	if err != nil || !strings.Contains(string(text), "\njoin: true\nnodes:\n  - id: 4\n") {
		t.Errorf("%v:\n%s", err, text)
	}
	if pair, err := pki.LoadPair(home, "node"); err != nil {
		t.Error(err)
	} else if cert, err := pair.Certificate(); err != nil || cert.VerifyHostname("h") != nil {
		t.Errorf("the certificate is not for its host: %v", err)
	}
	var p *client.Problem
	if err := j.Write(home, authority, time.Now()); !errors.As(err, &p) || p.Code != client.CodeAlreadyInitialized {
		t.Errorf("again: %v", err)
	}
	j.Cluster = "other"
	if err := j.Write(filepath.Join(dir, "node-5"), authority, time.Now()); !errors.As(err, &p) || p.Code != client.CodeTLS {
		t.Errorf("another cluster's authority: %v", err)
	}
	j.Cluster, j.Others = "demo", nil
	if err := j.Write(filepath.Join(dir, "node-5"), authority, time.Now()); !errors.As(err, &p) || p.Code != client.CodeConfig {
		t.Errorf("nobody to ask: %v", err)
	}
}

func TestWriteMakesEveryIdentity(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cluster")
	plan := testPlan(t)
	now := time.Now()
	if err := plan.Write(dir, now); err != nil {
		t.Fatal(err)
	}
	authority, err := pki.LoadAuthority(filepath.Join(dir, "ca"))
	if err != nil || authority.Cluster() != "demo" {
		t.Fatalf("%v", err)
	}
	for _, n := range plan.Nodes {
		pair, err := pki.LoadPair(filepath.Join(dir, NodeDir(n.ID)), "node")
		if err != nil {
			t.Fatal(err)
		}
		cert, err := pair.Certificate()
		if err != nil {
			t.Fatal(err)
		}
		cluster, id, err := pki.NodeIdentity(cert)
		if err != nil || cluster != "demo" || uint64(id) != uint64(n.ID) || cert.VerifyHostname("127.0.0.1") != nil || cert.VerifyHostname("localhost") != nil {
			t.Errorf("node %d has the identity %s/%d, %v, %v", n.ID, cluster, id, cert.IPAddresses, err)
		}
		text, err := os.ReadFile(filepath.Join(dir, NodeDir(n.ID), "wraft.yaml"))
		if err != nil || !strings.Contains(string(text), "\nnode: "+n.ID.String()+"\n") || !strings.Contains(string(text), "\ndata-dir: data\n") {
			t.Errorf("%v\n%s", err, text)
		}
		if key, err := os.Stat(filepath.Join(dir, NodeDir(n.ID), "node.key")); err != nil || key.Mode().Perm() != 0o600 {
			t.Errorf("the key of node %d: %v, %v", n.ID, key.Mode(), err)
		}
	}
	pair, err := pki.LoadPair(filepath.Join(dir, "client"), "admin")
	if err != nil {
		t.Fatal(err)
	}
	cert, err := pair.Certificate()
	if err != nil {
		t.Fatal(err)
	}
	if _, name, role, err := pki.ClientIdentity(cert); err != nil || name != "admin" || role != pki.RoleAdmin {
		t.Errorf("%s, %s, %v", name, role, err)
	}
}

func TestSecondWriteIsRefusedAndChangesNothing(t *testing.T) {
	dir := t.TempDir()
	plan := testPlan(t)
	if err := plan.Write(dir, time.Now()); err != nil {
		t.Fatal(err)
	}
	before := snapshot(t, dir)
	other := plan
	other.Cluster = "other"
	for _, p := range []Plan{plan, other} {
		err := p.Write(dir, time.Now())
		var problem *client.Problem
		if !errors.As(err, &problem) || problem.Code != client.CodeAlreadyInitialized {
			t.Errorf("%s: got %v", p.Cluster, err)
		}
	}
	if after := snapshot(t, dir); !slices.Equal(before, after) {
		t.Error("the second init changed files")
	}
}

// snapshot is every file with its content.
func snapshot(t *testing.T, dir string) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		out = append(out, path+"\n"+string(data))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestBadPlansAreRefusedBeforeAnythingIsWritten(t *testing.T) {
	for name, change := range map[string]func(*Plan){
		"cluster name":  func(p *Plan) { p.Cluster = "Not A Name" },
		"no nodes":      func(p *Plan) { p.Nodes = nil },
		"nodes[1].id":   func(p *Plan) { p.Nodes[1].ID = 1 },
		"nodes[2].peer": func(p *Plan) { p.Nodes[2].Peer = "nowhere" },
	} {
		plan := testPlan(t)
		change(&plan)
		dir := filepath.Join(t.TempDir(), "cluster")
		err := plan.Write(dir, time.Now())
		var problem *client.Problem
		if !errors.As(err, &problem) || problem.Code != client.CodeConfig || !strings.Contains(problem.Detail, name) {
			t.Errorf("%s: got %v", name, err)
		}
		if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: the folder was made", name)
		}
	}
}
