package toolchain

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// scribe is a compiler whose modules tell how often it was called.
func scribe(calls *int) *Toolchain {
	return &Toolchain{Language: "zig", Version: "scribe-1", compile: func(_ context.Context, _, out string) error {
		*calls++
		return os.WriteFile(out, fmt.Appendf(nil, "module %d", *calls), 0o600)
	}}
}

// repository is a root with a guest, a library and flags.
func repository(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	for _, file := range []string{"guest/main.zig", "sdk/zig/wraft.zig", "internal/toolchain/zig.go", "guest/node_modules/asc/index.js"} {
		change(t, root, file, "as it was")
	}
	return root
}

func change(t *testing.T, root, file, content string) {
	t.Helper()
	path := filepath.Join(root, file)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestAModuleIsKeptUntilSomethingOfItChanges(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("HOME", t.TempDir())
	t.Setenv(bootstrapVariable, "")
	root, calls := repository(t), 0
	tool := scribe(&calls)
	expect := func(after, want string) {
		t.Helper()
		out := filepath.Join(t.TempDir(), "new", "guest.wasm")
		if err := tool.BuildKept(t.Context(), root, filepath.Join(root, "guest"), out); err != nil {
			t.Fatalf("%s: %v", after, err)
		}
		if got, err := os.ReadFile(out); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v, want %q", after, got, err, want)
		}
	}
	expect("at first", "module 1")
	expect("again", "module 1")
	change(t, root, "guest/node_modules/asc/index.js", "other")
	expect("another package of npm", "module 1")
	for n, file := range []string{"guest/main.zig", "sdk/zig/wraft.zig", "internal/toolchain/zig.go", "guest/more.zig"} {
		change(t, root, file, "other")
		expect("after a change of "+file, fmt.Sprintf("module %d", n+2))
		expect("after that", fmt.Sprintf("module %d", n+2))
	}
	t.Setenv(bootstrapVariable, "1")
	expect("in another environment", "module 6")
	tool.Version = "scribe-2"
	expect("with another compiler", "module 7")
	change(t, root, "guest/more.zig", "as it was")
	tool.Version = "scribe-1"
	expect("after another change", "module 8")
}

func TestWhatDoesNotCompileIsNotKept(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("HOME", t.TempDir())
	root, calls := repository(t), 0
	tool := scribe(&calls)
	compile := tool.compile
	tool.compile = func(context.Context, string, string) error { return &BuildError{Cause: os.ErrInvalid} }
	out := filepath.Join(t.TempDir(), "guest.wasm")
	if err := tool.BuildKept(t.Context(), root, filepath.Join(root, "guest"), out); err == nil {
		t.Fatal("built")
	}
	tool.compile = compile
	if err := tool.BuildKept(t.Context(), root, filepath.Join(root, "guest"), out); err != nil || calls != 1 {
		t.Errorf("%d calls, %v", calls, err)
	}
}

func TestTheOldestModulesAreForgotten(t *testing.T) {
	dir := t.TempDir()
	for n := range keptMax + 3 {
		file := fmt.Sprintf("%03d.wasm", n)
		change(t, dir, file, "")
		at := time.Unix(int64(1_000_000-n), 0) // the last one is the oldest
		if err := os.Chtimes(filepath.Join(dir, file), at, at); err != nil {
			t.Fatal(err)
		}
	}
	if err := forgetOldest(dir); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != keptMax || left[keptMax-1].Name() != fmt.Sprintf("%03d.wasm", keptMax-1) {
		t.Errorf("%d are left, %v", len(left), err)
	}
}
