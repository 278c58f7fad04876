package compileworker

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/wraft/wraft/internal/wasmtest"
	"github.com/wraft/wraft/plugins"
)

// TestMain lets the test binary stand in for a worker with the role that its first
// argument names.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && strings.HasPrefix(os.Args[1], "role-") {
		os.Exit(play(strings.TrimPrefix(os.Args[1], "role-"), os.Args[2:]))
	}
	os.Exit(m.Run())
}

func play(role string, args []string) int {
	flags := flag.NewFlagSet(role, flag.ExitOnError)
	var l Limits
	dir := flags.String("dir", "", "")
	flags.DurationVar(&l.CPU, "cpu", 0, "")
	flags.DurationVar(&l.Wall, "wall", 0, "")
	flags.Int64Var(&l.MemoryBytes, "memory", 0, "")
	if err := flags.Parse(args); err != nil {
		return 1
	}
	if role == "honest" {
		if err := Work(os.Stdin, os.Stdout, *dir, l); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return 0
	}
	return misbehave(role, l)
}

func misbehave(role string, l Limits) int {
	switch role {
	case "hangs":
		for {
			<-time.After(time.Hour)
		}
	case "burns": // until its own limit ends it
		if err := limitSelf(l); err != nil {
			return 1
		}
		for n := 0; ; n++ {
			if n < 0 {
				return 2
			}
		}
	case "eats": // until its parent notices
		eat()
	case "eats and watches": // until it notices itself
		go watchSelf(l.MemoryBytes)
		eat()
	case "crashes":
		panic("of a compiler")
	case "babbles":
		fmt.Print("hello")
	case "gives up":
		fmt.Print(`{"trouble":"no room"}`)
	}
	return 0
}

// eat takes a MiB per millisecond.
func eat() {
	var held [][]byte
	for range time.Tick(time.Millisecond) {
		b := make([]byte, 1<<20)
		for i := range b {
			b[i] = 1
		}
		held = append(held, b)
	}
	fmt.Println(len(held))
}

func runner(t *testing.T, role string, l Limits) *Runner {
	t.Helper()
	program, err := OwnProgram()
	if err != nil {
		t.Fatal(err)
	}
	return &Runner{Command: []string{program, "role-" + role}, Limits: l}
}

func artefact(t *testing.T, code ...[]byte) []byte {
	t.Helper()
	a, err := plugins.Prepare(wasmtest.NewMachine(code...).Bytes(), plugins.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return a.Binary
}

func TestAWorkerFillsTheCache(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	e, err := plugins.NewEngine(plugins.Config{CacheDir: dir, Compiler: runner(t, "honest", Limits{})})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close(context.Background())
	if _, err := e.Load(context.Background(), artefact(t, wasmtest.Unreachable)); err != nil {
		t.Fatal(err)
	}
	var refused *plugins.RefusedError
	if _, err := e.Load(context.Background(), artefact(t, wasmtest.Drop)); !errors.As(err, &refused) || refused.Rule != "type" {
		t.Errorf("a module that does not type-check: %v", err)
	}
}

func TestWorkersThatMisbehaveAreStopped(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for limits")
	}
	small := artefact(t, wasmtest.Unreachable)
	for _, c := range []struct {
		role   string
		limits Limits
		limit  string
		says   string
	}{
		{"hangs", Limits{Wall: 300 * time.Millisecond}, limitWall, "300ms"},
		{"burns", Limits{CPU: time.Second}, limitCPU, "1s"},
		{"eats", Limits{MemoryBytes: memoryMin}, limitMemory, "64 MiB"},
		{"eats and watches", Limits{MemoryBytes: memoryMin}, limitMemory, "64 MiB"},
		{"crashes", Limits{}, "", "of a compiler"},
	} {
		if c.role == "eats" && residentBytes(os.Getpid()) == 0 {
			continue // nobody can watch it here
		}
		err := runner(t, c.role, c.limits).Compile(context.Background(), small, t.TempDir())
		var stopped *plugins.CompilerError
		if !errors.As(err, &stopped) || stopped.Limit != c.limit || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", c.role, err)
		}
	}
}

func TestTroubleIsNoVerdict(t *testing.T) {
	small := artefact(t, wasmtest.Unreachable)
	missing := &Runner{Command: []string{"/no/such/program"}}
	for name, r := range map[string]*Runner{"missing": missing, "babbles": runner(t, "babbles", Limits{}), "gives up": runner(t, "gives up", Limits{})} {
		err := r.Compile(context.Background(), small, t.TempDir())
		var stopped *plugins.CompilerError
		if err == nil || errors.As(err, &stopped) || errors.Is(err, plugins.ErrRefused) {
			t.Errorf("%s: %v", name, err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(50*time.Millisecond, cancel)
	if err := runner(t, "hangs", Limits{}).Compile(ctx, small, t.TempDir()); !errors.Is(err, context.Canceled) {
		t.Errorf("nobody wants it any more: %v", err)
	}
}

func TestAWorkerEndsWithItsParent(t *testing.T) {
	program, err := OwnProgram()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, append([]string{"role-honest"}, Limits{}.arguments(t.TempDir())...)...)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(in, "half"); err != nil {
		t.Fatal(err)
	}
	in.Close()
	if err := cmd.Wait(); err == nil {
		t.Error("it ended well")
	}
}

func TestArtefactsAreBounded(t *testing.T) {
	huge := "\xff\xff\xff\xff\xff\xff\xff\xff"
	if _, err := readArtefact(strings.NewReader(huge)); !errors.Is(err, errTooLong) {
		t.Errorf("got %v", err)
	}
}

func TestLimitsAreValidated(t *testing.T) {
	if err := (Limits{}).Validate(); err != nil {
		t.Error(err)
	}
	err := Limits{CPU: time.Millisecond, Wall: -1, MemoryBytes: 1}.Validate()
	for _, field := range []string{"CPU", "Wall", "MemoryBytes"} {
		if err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("%s is not complained about in: %v", field, err)
		}
	}
	if err := runner(t, "honest", Limits{MemoryBytes: 1}).Compile(context.Background(), nil, ""); err == nil {
		t.Error("a runner took them")
	}
}
