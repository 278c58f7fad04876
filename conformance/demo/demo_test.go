package main

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestDemo is `make demo` with fewer increments.
func TestDemo(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Minute)
	defer cancel()
	var out strings.Builder
	s := show{increments: 200, out: &out}
	dir := t.TempDir()
	if err := build(ctx, dir, &s); err != nil {
		t.Fatal(err)
	}
	if err := s.run(ctx, filepath.Join(dir, "cluster")); err != nil {
		for _, n := range s.nodes.Nodes {
			t.Logf("node %d:\n%s", n.ID, n.LogTail(4000))
		}
		t.Fatalf("%v\n%s", err, out.String())
	}
	for _, want := range []string{"killed the leader", "200 increments acknowledged", "sha256:", "all nodes agree"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the demo does not say %q:\n%s", want, out.String())
		}
	}
}
