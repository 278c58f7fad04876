package plugins_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wraft/wraft/internal/wasmtest"
	"github.com/wraft/wraft/plugins"
)

// compiler stands for a worker: it compiles in this process, or fails.
type compiler struct {
	calls int
	err   error
	idle  bool // leaves nothing behind
}

func (c *compiler) Compile(ctx context.Context, artefact []byte, dir string) error {
	c.calls++
	if c.err != nil || c.idle {
		return c.err
	}
	return plugins.CompileTo(ctx, artefact, dir)
}

// compilingWith opens an engine whose log is in the buffer.
func compilingWith(t *testing.T, dir string, c plugins.Compiler) (*plugins.Engine, *bytes.Buffer) {
	t.Helper()
	var log bytes.Buffer
	e, err := plugins.NewEngine(plugins.Config{CacheDir: dir, Compiler: c, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close(context.Background()) }) // closing again is an error and harmless
	return e, &log
}

// applied compiles a module, runs it once and closes the engine.
func applied(t *testing.T, e *plugins.Engine, module []byte) {
	t.Helper()
	if got := apply(t, start(t, e, module, plugins.InstanceConfig{}), 1, "x"); got[0] != "-1 unreachable" {
		t.Errorf("got %q", got)
	}
}

func TestAnotherProcessCompiles(t *testing.T) {
	dir, module := filepath.Join(t.TempDir(), "cache"), wasmtest.NewMachine(wasmtest.Unreachable).Bytes()
	c := &compiler{}
	for life := 1; life <= 2; life++ {
		e, log := compilingWith(t, dir, c)
		applied(t, e, module)
		if c.calls != 1 {
			t.Errorf("life %d: the compiler was called %d times", life, c.calls)
		}
		if log.Len() > 0 {
			t.Errorf("life %d: %s", life, log)
		}
	}
	left, err := filepath.Glob(filepath.Join(dir, "worker-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestCompiledCodeThatIsGoneIsCompiledAgain(t *testing.T) {
	module := wasmtest.NewMachine(wasmtest.Unreachable).Bytes()
	for name, damage := range map[string]func(path string) error{
		"removed": os.Remove,
		"damaged": func(path string) error { return os.WriteFile(path, []byte("WAZEVO"), 0o600) },
	} {
		dir := filepath.Join(t.TempDir(), "cache")
		c := &compiler{}
		e, _ := compilingWith(t, dir, c)
		applied(t, e, module)
		code, err := filepath.Glob(filepath.Join(dir, "wazero-*", strings.Repeat("[0-9a-f]", 64)))
		if err != nil || len(code) != 1 {
			t.Fatalf("compiled code: %v, %v", code, err)
		}
		if err := damage(code[0]); err != nil {
			t.Fatal(err)
		}
		e, log := compilingWith(t, dir, c)
		applied(t, e, module)
		if c.calls != 2 || log.Len() > 0 {
			t.Errorf("%s: the compiler was called %d times, %s", name, c.calls, log)
		}
	}
}

func TestWhatADeadProcessLeftIsRemoved(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	left := filepath.Join(dir, "worker-123")
	if err := os.MkdirAll(filepath.Join(left, "wazero"), 0o700); err != nil {
		t.Fatal(err)
	}
	compilingWith(t, dir, &compiler{})
	if _, err := os.Stat(left); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it is still there: %v", err)
	}
}

func TestACompilerThatIsStopped(t *testing.T) {
	module := wasmtest.NewMachine(wasmtest.Unreachable).Bytes()
	a, err := plugins.Prepare(module, plugins.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		err  *plugins.CompilerError
		says []string
	}{
		{&plugins.CompilerError{Limit: "memory", Allowed: "64 MiB", Text: "killed"}, []string{"memory", "64 MiB"}},
		{&plugins.CompilerError{Text: "signal: segmentation fault"}, []string{"dies", "segmentation fault"}},
	} {
		e, _ := compilingWith(t, filepath.Join(t.TempDir(), "cache"), &compiler{err: c.err})
		_, err := e.Compile(context.Background(), module)
		if errors.Is(err, plugins.ErrRefused) {
			t.Errorf("nobody asked for a verdict: %v", err)
		}
		if err = plugins.Verdict(err); refusedBy(err) != plugins.RuleCompile {
			t.Errorf("an upload: %v", err)
		}
		for _, part := range c.says {
			if err == nil || !strings.Contains(err.Error(), part) {
				t.Errorf("%q is not in: %v", part, err)
			}
		}
		// What was accepted elsewhere is not judged again.
		var stopped *plugins.CompilerError
		if _, err := e.Load(context.Background(), a.Binary); errors.Is(err, plugins.ErrRefused) || !errors.As(err, &stopped) || stopped.Limit != c.err.Limit {
			t.Errorf("a replica: %v", err)
		}
	}
}

func TestTroubleOfTheCompilerIsNoVerdict(t *testing.T) {
	module := wasmtest.NewMachine(wasmtest.Unreachable).Bytes()
	trouble := errors.New("no such program")
	for name, c := range map[string]*compiler{"fails": {err: trouble}, "leaves nothing": {idle: true}} {
		e, _ := compilingWith(t, filepath.Join(t.TempDir(), "cache"), c)
		if _, err := e.Compile(context.Background(), module); err == nil || errors.Is(plugins.Verdict(err), plugins.ErrRefused) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := plugins.NewEngine(plugins.Config{Compiler: &compiler{}}); err == nil || !strings.Contains(err.Error(), "CacheDir") {
		t.Errorf("no place for code: %v", err)
	}
}

// TestCodeOfAnotherCompilerIsNoticed: what the engine does not find it compiles
// itself, and says so.
func TestCodeOfAnotherCompilerIsNoticed(t *testing.T) {
	e, log := compilingWith(t, filepath.Join(t.TempDir(), "cache"), otherCode{})
	applied(t, e, wasmtest.NewMachine(wasmtest.Unreachable).Bytes())
	if !strings.Contains(log.String(), "compiled in this process") {
		t.Errorf("the log says %q", log)
	}
}

// otherCode leaves something that the engine does not look for.
type otherCode struct{}

func (otherCode) Compile(_ context.Context, _ []byte, dir string) error {
	return os.WriteFile(filepath.Join(dir, "code"), []byte("x"), 0o600)
}
