package plugins_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/wraft/wraft/internal/wasmtest"
	"github.com/wraft/wraft/plugins"
)

func TestCompileIsSharedAndNamedByDigest(t *testing.T) {
	binary := wasmtest.NewMachine(result(0, 0, 8)).Bytes()
	var wait sync.WaitGroup
	modules := make([]*plugins.Module, 8)
	for k := range modules {
		wait.Go(func() {
			m, err := shared.Compile(context.Background(), binary)
			if err != nil {
				t.Error(err)
			}
			modules[k] = m
		})
	}
	wait.Wait()
	for _, m := range modules {
		if m != modules[0] {
			t.Fatal("the same bytes were compiled twice")
		}
	}
	if got := modules[0].Digest(); got != sha256.Sum256(binary) {
		t.Errorf("digest %x", got)
	}
	if n := modules[0].MemoryBytesMin(); n != 65536 {
		t.Errorf("memory %d", n)
	}
}

func TestCompileRefusesWhatTheTypeCheckRefuses(t *testing.T) {
	binary := wasmtest.NewMachine(wasmtest.I32Const(1)).Bytes() // i32 where i64 is due
	if err := plugins.Validate(binary, plugins.Limits{}); err != nil {
		t.Fatalf("Validate does not type operands, but says %v", err)
	}
	_, err := shared.Compile(context.Background(), binary)
	var refused *plugins.RefusedError
	if !errors.As(err, &refused) || !errors.Is(err, plugins.ErrRefused) || refused.Rule != "type" {
		t.Errorf("got %v", err)
	}
}

func TestModulesBelongToTheirEngine(t *testing.T) {
	other := newEngine(t, plugins.Config{})
	m, err := other.Compile(context.Background(), wasmtest.NewMachine(result(0, 0, 8)).Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := shared.NewInstance(context.Background(), m, plugins.InstanceConfig{}); err == nil {
		t.Error("an engine took another's module")
	}
	if _, err := shared.NewInstance(context.Background(), nil, plugins.InstanceConfig{}); err == nil {
		t.Error("an engine took no module at all")
	}
}

func TestStartMemoryOverTheMachinesLimit(t *testing.T) {
	b := wasmtest.NewMachine(result(0, 0, 8))
	b.Memory(3, -1)
	m, err := shared.Compile(context.Background(), b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	_, err = shared.NewInstance(context.Background(), m, plugins.InstanceConfig{Limits: plugins.Limits{MemoryBytesMax: 65536}})
	if err == nil || !strings.Contains(err.Error(), "196608") {
		t.Errorf("got %v", err)
	}
}

func TestClosedEngineAndInstance(t *testing.T) {
	e, err := plugins.NewEngine(plugins.Config{})
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	m, err := e.Compile(ctx, wasmtest.NewMachine(result(0, 0, 8)).Bytes())
	if err != nil {
		t.Fatal(err)
	}
	i, err := e.NewInstance(ctx, m, plugins.InstanceConfig{})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := i.Close(ctx); err != nil {
			t.Fatal(err)
		}
	}
	_, applied := i.Apply(ctx, plugins.Moment{Index: 1}, repeat("x", 1))
	_, queried := i.Query(ctx, nil)
	_, hashed := i.StateHash()
	for _, err := range []error{applied, queried, hashed, i.Export(ctx, nil), i.Import(ctx, plugins.Moment{}, nil, 0)} {
		if !errors.Is(err, plugins.ErrClosed) {
			t.Errorf("a closed instance says %v", err)
		}
	}
	if err := e.Close(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Compile(ctx, wasmtest.NewMachine(result(0, 0, 8)).Bytes()); !errors.Is(err, plugins.ErrClosed) {
		t.Errorf("a closed engine says %v", err)
	}
}

func TestEndedContextDoesNothing(t *testing.T) {
	i := start(t, shared, wasmtest.Slow(t), plugins.InstanceConfig{})
	before := stateHash(t, i)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := i.Apply(ctx, plugins.Moment{Index: 1}, repeat("add 1", 1)); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if stateHash(t, i) != before {
		t.Error("the entry was applied")
	}
	if got := apply(t, i, 1, "get"); got[0] != "0 0" {
		t.Errorf("afterwards: %q", got)
	}
}

func TestCacheDirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cache")
	binary := wasmtest.NewMachine(result(0, 0, 8)).Bytes()
	use := func() {
		t.Helper()
		e := newEngine(t, plugins.Config{CacheDir: dir})
		i := start(t, e, binary, plugins.InstanceConfig{})
		if got := apply(t, i, 1, "x"); got[0] != "0 " {
			t.Fatalf("got %q", got)
		}
	}
	use()
	files := cacheFiles(t, dir)
	if len(files) == 0 {
		t.Fatal("nothing was cached")
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	// Every kind of damage ends in a fresh compilation, not in a refusal.
	for name, damage := range map[string]func(b []byte) []byte{
		"flipped":   func(b []byte) []byte { b[len(b)/2] ^= 0x40; return b },
		"truncated": func(b []byte) []byte { return b[:len(b)/2] },
		"empty":     func([]byte) []byte { return nil },
		"head":      func(b []byte) []byte { b[14] ^= 1; return b },
		"garbage":   func(b []byte) []byte { return []byte(strings.Repeat("garbage", len(b)/7+1)) },
	} {
		for _, file := range cacheFiles(t, dir) {
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, damage(b), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		t.Log(name)
		use()
	}
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if _, err := plugins.NewEngine(plugins.Config{CacheDir: dir}); err == nil || !strings.Contains(err.Error(), "plant") {
		t.Errorf("a directory open to others: %v", err)
	}
}

func cacheFiles(t *testing.T, dir string) (files []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && !strings.HasSuffix(path, ".seal") {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// TestFlippedBitsOfTheCacheAreHarmless walks over a cached file: the engine
// alone would crash on some of these.
func TestFlippedBitsOfTheCacheAreHarmless(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cache")
	binary := globalMachine()
	ctx := context.Background()
	use := func() {
		t.Helper()
		e, err := plugins.NewEngine(plugins.Config{CacheDir: dir})
		if err != nil {
			t.Fatal(err)
		}
		m, err := e.Compile(ctx, binary)
		if err != nil {
			t.Fatal(err)
		}
		i, err := e.NewInstance(ctx, m, plugins.InstanceConfig{})
		if err != nil {
			t.Fatal(err)
		}
		if got := apply(t, i, 1, "x"); got[0] != "0 1" {
			t.Fatalf("got %q", got)
		}
		if err := errors.Join(i.Close(ctx), e.Close(ctx)); err != nil {
			t.Fatal(err)
		}
	}
	use()
	file := cacheFiles(t, dir)[0]
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for at := 0; at < len(whole); at += 1 + at/64 { // all of the head, some of the rest
		damaged := append([]byte(nil), whole...)
		damaged[at] ^= 1 << (at % 8)
		if err := os.WriteFile(file, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		use()
	}
	if again, err := os.ReadFile(file); err != nil || len(again) != len(whole) {
		t.Errorf("the cache was not mended: %d bytes, %v", len(again), err)
	}
}
