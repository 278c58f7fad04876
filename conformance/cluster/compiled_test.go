package cluster

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// put writes files below a folder; a file's content is its name.
func put(t *testing.T, dir string, names ...string) {
	t.Helper()
	for _, name := range names {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// found lists the files below a folder with their content.
func found(t *testing.T, dir string) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		content, err := os.ReadFile(path)
		out = append(out, name+" is "+string(content))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(out)
	return out
}

// stopped is a cluster of two nodes that never ran.
func stopped(t *testing.T) *Cluster {
	t.Helper()
	c := &Cluster{}
	for i := range 2 {
		c.Nodes = append(c.Nodes, &Node{ID: nodeID(i), Dir: t.TempDir()})
	}
	return c
}

func TestCompiledCodeGoesFromOneClusterToTheNext(t *testing.T) {
	compiled := filepath.Join(t.TempDir(), "compiled")
	first := stopped(t)
	if err := first.lend(compiled); err != nil {
		t.Fatalf("there is nothing to lend yet: %v", err)
	}
	put(t, filepath.Join(first.Nodes[0].Dir, nodeCache), "engine/a", "engine/a.seal", "worker-1/engine/half")
	put(t, filepath.Join(first.Nodes[1].Dir, nodeCache), "engine/b")
	if err := os.WriteFile(filepath.Join(first.Nodes[1].Dir, nodeCache, "engine", "a"), []byte("its own"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := first.Collect(compiled); err != nil {
		t.Fatal(err)
	}
	want := []string{"engine/a is engine/a", "engine/a.seal is engine/a.seal", "engine/b is engine/b"}
	if got := found(t, compiled); !slices.Equal(got, want) {
		t.Fatalf("collected %q, want %q", got, want)
	}
	second := stopped(t)
	if err := second.lend(compiled); err != nil {
		t.Fatal(err)
	}
	for _, n := range second.Nodes {
		cache := filepath.Join(n.Dir, nodeCache)
		if got := found(t, cache); !slices.Equal(got, want) {
			t.Errorf("node %d got %q, want %q", n.ID, got, want)
		}
		if info, err := os.Stat(cache); err != nil || info.Mode().Perm() != nodeCacheMode {
			t.Errorf("node %d would refuse its cache: %v, %v", n.ID, info, err)
		}
	}
}

func TestNothingIsCollectedWhileANodeRuns(t *testing.T) {
	compiled := filepath.Join(t.TempDir(), "compiled")
	n := startRole(t, "deaf")
	put(t, filepath.Join(n.Dir, nodeCache), "engine/a")
	c := &Cluster{Nodes: []*Node{n}}
	if err := c.Collect(compiled); err == nil || !strings.Contains(err.Error(), "node 1 runs") {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(compiled); err == nil {
		t.Error("something was collected")
	}
}
