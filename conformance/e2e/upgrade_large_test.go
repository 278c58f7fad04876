package e2e

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/conformance/cluster"
)

const (
	kvFolder = "examples/wasm-kv"
	// largeValueBytes is the length of one value of the large state.
	largeValueBytes = 256 << 10
	// largeMemory is what a machine with the large state may use.
	largeMemory = "1GiB"
)

// stateMiB is how large a state the upgrade carries.
func stateMiB(t *testing.T) int {
	t.Helper()
	text := os.Getenv("WRAFT_E2E_STATE_MIB")
	if text == "" {
		return 8
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > 200 {
		t.Fatalf("WRAFT_E2E_STATE_MIB=%q is no number of MiB up to 200", text)
	}
	return n
}

// kv2 builds version 2 of the key-value machine: its source with a version and
// with an operation more.
func kv2(t *testing.T, ctx context.Context) string {
	t.Helper()
	root, err := cluster.Root()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(filepath.Join(root, kvFolder))); err != nil {
		t.Fatal(err)
	}
	change := func(file, old, new string) {
		path := filepath.Join(dir, file)
		data, err := os.ReadFile(path)
		if err != nil || !strings.Contains(string(data), old) {
			t.Fatalf("%s does not contain %q: %v", file, old, err)
		}
		if err := os.WriteFile(path, []byte(strings.ReplaceAll(string(data), old, new)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	change("go.mod", "=> ../../sdk/go", "=> "+filepath.Join(root, "sdk/go"))
	change("store.go", "	case \"scan\":\n", "	case \"version\":\n		s.answer = appendHead(s.answer, majorUint, uint64(s.Version()))\n	case \"scan\":\n")
	change("snapshot.go", "// Restore reads", "// Version is the author's number.\nfunc (s *store) Version() uint32 { return 2 }\n\n// Restore reads")
	out := filepath.Join(t.TempDir(), "kv2.wasm")
	folder, err := filepath.Rel(root, dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := cluster.BuildModule(ctx, folder, out); err != nil {
		t.Fatal(err)
	}
	return out
}

// kvCall encodes a command or query of the key-value machine.
func kvCall(t *testing.T, operation string, key, value []byte) []byte {
	t.Helper()
	data, err := cbor.Marshal([]any{operation, key, value, nil})
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// largeValue is a value that tells its key.
func largeValue(n int) []byte {
	return bytes.Repeat(binary.BigEndian.AppendUint64(nil, uint64(n)), largeValueBytes/8)
}

// TestUpgradeOfALargeState upgrades a key-value machine with much in it while clients
// write: no acknowledged write is lost, all replicas switch at the same index, and
// hold the same afterwards. WRAFT_E2E_STATE_MIB sets how much (default 8).
func TestUpgradeOfALargeState(t *testing.T) {
	size := stateMiB(t)
	ctx := within(t, 15*time.Minute)
	skipShort(t)
	one, two := module(t, kvFolder), kv2(t, ctx)
	c := newCluster(t, ctx, "large", one, two)
	for _, n := range c.Nodes {
		rewrite(t, n, `(?m)\A`, "limits: {machine-memory: "+largeMemory+"}\n")
	}
	startAll(t, ctx, c)
	deploy(t, ctx, c, one, "kv", "--memory", largeMemory)
	values := size << 20 / largeValueBytes
	fill(t, ctx, c, values)
	writers := startWriters(t, ctx, c)
	writers.waitFor(t, ctx, 50)
	began := time.Now()
	deploy(t, ctx, c, two, "kv", "--upgrade")
	took := time.Since(began)
	writers.waitFor(t, ctx, writers.acknowledged.Load()+50)
	written := writers.stop()
	since := runningSince(t, ctx, c, "kv", digestOf(t, two))
	cl := newClient(t, c)
	for n := range values {
		expectValue(t, ctx, cl, fmt.Appendf(nil, "large-%d", n), largeValue(n))
	}
	for key := range written {
		expectValue(t, ctx, cl, []byte(key), []byte(key))
	}
	if r, err := cl.Query(ctx, "kv", client.Query{Data: kvCall(t, "version", nil, nil)}); err != nil || !bytes.Equal(r.Data, []byte{2}) {
		t.Errorf("the new operation answers %x, %v", r.Data, err)
	}
	if _, err := compareExports(ctx, c, "kv"); err != nil {
		t.Error(err)
	}
	t.Logf("state_mib=%d switched_at=%d acknowledged=%d deploy_s=%.2f longest_write_s=%.2f", size, since, len(written), took.Seconds(), writers.longest.Seconds())
}

// fill puts the large values there.
func fill(t *testing.T, ctx context.Context, c *cluster.Cluster, values int) {
	t.Helper()
	s := session(t, ctx, newClient(t, c), "kv")
	for n := range values {
		if _, err := s.Command(ctx, kvCall(t, "put", fmt.Appendf(nil, "large-%d", n), largeValue(n))); err != nil {
			t.Fatalf("value %d: %v", n, err)
		}
	}
}

func expectValue(t *testing.T, ctx context.Context, cl *client.Client, key, want []byte) {
	t.Helper()
	r, err := cl.Query(ctx, "kv", client.Query{Data: kvCall(t, "get", key, nil)})
	if err != nil {
		t.Fatalf("%s: %v", key, err)
	}
	var got []byte
	if err := cbor.Unmarshal(r.Data, &got); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s: %d bytes, not the %d that were acknowledged, %v", key, len(got), len(want), err)
	}
}

// writers put one key after the other, each in a session of its own, and remember
// what was acknowledged.
type writers struct {
	acknowledged atomic.Int64
	stopping     atomic.Bool
	ended        sync.WaitGroup

	mu      sync.Mutex // guards the fields below
	written map[string]bool
	longest time.Duration
}

func startWriters(t *testing.T, ctx context.Context, c *cluster.Cluster) *writers {
	t.Helper()
	w := &writers{written: map[string]bool{}}
	for i := range 4 {
		cl := newClient(t, c)
		w.ended.Go(func() {
			session, err := cl.Register(ctx, "kv")
			if err != nil {
				t.Errorf("register: %v", err)
				return
			}
			for n := 0; !w.stopping.Load(); n++ {
				key, began := fmt.Sprintf("writer-%d-%d", i, n), time.Now()
				if _, err := session.Command(ctx, kvCall(t, "put", []byte(key), []byte(key))); err != nil {
					t.Errorf("%s: %v", key, err)
					return
				}
				w.note(key, time.Since(began))
			}
		})
	}
	return w
}

func (w *writers) note(key string, took time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.written[key] = true
	w.longest = max(w.longest, took)
	w.acknowledged.Add(1)
}

// waitFor returns when n writes were acknowledged.
func (w *writers) waitFor(t *testing.T, ctx context.Context, n int64) {
	t.Helper()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for w.acknowledged.Load() < n {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			t.Fatalf("%d of %d writes were acknowledged", w.acknowledged.Load(), n)
		}
	}
}

// stop ends the writers and returns what was acknowledged.
func (w *writers) stop() map[string]bool {
	w.stopping.Store(true)
	w.ended.Wait()
	return w.written
}

// compareExports asks every node for the digest of its export until all have applied
// equally far; they must then be equal.
func compareExports(ctx context.Context, c *cluster.Cluster, machine string) (client.Digest, error) {
	ticker := time.NewTicker(200 * time.Millisecond)
	defer ticker.Stop()
	for {
		exports, err := exportsOf(ctx, c, machine)
		level := err == nil
		for _, m := range exports {
			level = level && m.ExportIndex == exports[0].ExportIndex
		}
		if level {
			for _, m := range exports {
				if m.ExportDigest != exports[0].ExportDigest {
					return "", fmt.Errorf("the nodes export %s and %s", exports[0].ExportDigest, m.ExportDigest)
				}
			}
			return exports[0].ExportDigest, nil
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return "", fmt.Errorf("the nodes don't come level: %w, %w", ctx.Err(), err)
		}
	}
}

func exportsOf(ctx context.Context, c *cluster.Cluster, machine string) ([]client.MachineInfo, error) {
	var out []client.MachineInfo
	for _, n := range c.Nodes {
		cl, err := client.New(client.Config{Endpoints: []string{n.API}, TLS: c.TLS()})
		if err != nil {
			return nil, err
		}
		m, err := cl.Machine(ctx, machine, true)
		cl.Close()
		if err != nil {
			return nil, err
		}
		out = append(out, m)
	}
	return out, nil
}
