package cli

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/internal/ports"
	"github.com/wraft/wraft/node/api/apitest"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"wraftd": func() { os.Exit(Main()) }})
}

// TestScripts runs testdata/script/*.txtar. Each script finds a fake node of its
// own through the variables wraftd reads; $FAKE_DIR holds its certificates.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		UpdateScripts:       *update,
		Setup:               func(env *testscript.Env) error { return setupFake(t, env) },
		Condition: func(cond string) (bool, error) {
			if cond == "real" {
				return !testing.Short(), nil
			}
			return false, errors.New("unknown condition " + cond)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits, "appears": appears, "until": until, "mkmodule": makeModule, "fake": instructFake, "shape": shapeOf},
	})
}

// setupFake serves a fake node with a counter and a kv machine to one script.
func setupFake(t *testing.T, env *testscript.Env) error {
	forgets := new(atomic.Bool)
	b := apitest.New(func(state *string, command []byte) ([]byte, error) {
		if len(command) > 0 && command[0] == 0x84 { // the head of a kv command
			if forgets.Load() && command[len(command)-2]%16 == 1 {
				return apitest.KV(new(*state), command)
			}
			return apitest.KV(state, command)
		}
		return apitest.Counter(state, command)
	})
	b.AddMachine("counter")
	b.AddMachine("kv")
	b.Emit("counter", []byte("hello"), nil)
	b.Emit("counter", []byte("\xff\n"))
	b.Log("counter", "info", "counted to 1")
	b.Log("counter", "warn", "two\nlines")
	b.Forget("kv", client.EventID{Index: b.Emit("kv", nil)})
	s := apitest.Start(t, b, apitest.Options{CommandBytesMax: 1 << 10, ModuleBytesMax: 1 << 20})
	// Compilers keep what they have built below a home, and scripts have none.
	if cache, err := os.UserCacheDir(); err == nil {
		env.Setenv("GOCACHE", filepath.Join(cache, "go-build"))
	}
	bare, _, _ := strings.Cut(env.Getenv("PATH"), string(os.PathListSeparator))
	env.Setenv("BARE_PATH", bare) // has wraftd and no compiler
	env.Values[fakeKey{}], env.Values[forgetsKey{}] = b, forgets
	free, err := ports.Row(3)
	if err != nil {
		return err
	}
	env.Setenv("FREE_PORT", strconv.Itoa(free)) // as are the two that follow
	env.Setenv("FAKE_DIR", s.Dir)
	env.Setenv("FAKE_SERVER", s.Address)
	env.Setenv("WRAFT_SERVER", "https://"+s.Address)
	env.Setenv("WRAFT_CA", s.File("ca.crt"))
	env.Setenv("WRAFT_CERT", s.File("admin.crt"))
	env.Setenv("WRAFT_KEY", s.File("admin.key"))
	return nil
}

// fakeKey finds a script's fake node, forgetsKey whether its kv machines forget some commands.
type (
	fakeKey    struct{}
	forgetsKey struct{}
)

// instructFake changes the fake node: fake announce (the address it really has), fake unready,
// fake forgets (some of the commands that it acknowledges), fake cut (the log of counter, up to
// index 8)
func instructFake(ts *testscript.TestScript, neg bool, args []string) {
	b := ts.Value(fakeKey{}).(*apitest.Backend)
	switch {
	case !neg && len(args) == 1 && args[0] == "announce":
		b.SetAPI(ts.Getenv("FAKE_SERVER"))
	case !neg && len(args) == 1 && args[0] == "unready":
		b.SetChecks(client.Check{Name: "disk", Detail: "no room"})
	case !neg && len(args) == 1 && args[0] == "forgets":
		ts.Value(forgetsKey{}).(*atomic.Bool).Store(true)
	case !neg && len(args) == 1 && args[0] == "cut":
		b.CutLog(2, 8)
	default:
		ts.Fatalf("usage: fake announce | unready | forgets | cut")
	}
}

// exits runs a program and wants its exit code: exits CODE PROGRAM ARGS...
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM ARGS...")
	}
	err := ts.Exec(args[1], args[2:]...)
	code := 0
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		code = exit.ExitCode()
	case err != nil:
		ts.Fatalf("%v", err)
	}
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("%v: exit code %d, want %s\n%s", args[1:], code, args[0], ts.ReadFile("stderr"))
	}
}

// makeModule writes a file that begins as a module does: mkmodule FILE SIZE FILLER
func makeModule(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: mkmodule FILE SIZE FILLER")
	}
	size, err := strconv.Atoi(args[1])
	ts.Check(err)
	data := append([]byte("\x00asm\x01\x00\x00\x00"), strings.Repeat(args[2], size)...)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), data, 0o644))
}

// appearsDeadline is how long what a script waits for may take.
const appearsDeadline = time.Minute

// appears waits until a file exists: appears FILE
func appears(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: appears FILE")
	}
	deadline := time.After(appearsDeadline)
	for {
		if _, err := os.Stat(ts.MkAbs(args[0])); err == nil {
			return
		}
		select {
		case <-deadline:
			ts.Fatalf("%s does not appear", args[0])
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// until runs a program again and again until it succeeds: until PROGRAM ARGS...
func until(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: until PROGRAM ARGS...")
	}
	deadline := time.After(appearsDeadline)
	for ts.Exec(args[0], args[1:]...) != nil {
		select {
		case <-deadline:
			ts.Fatalf("%v never succeeds: %s", args, ts.ReadFile("stderr"))
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// TestEveryExitCodeIsMeant ties the scripts' numbers to the catalogue's names.
func TestEveryExitCodeIsMeant(t *testing.T) {
	for exit, want := range map[client.Exit]int{
		client.ExitOK: 0, client.ExitFailed: 1, client.ExitUsage: 2, client.ExitUnreachable: 3, client.ExitTLS: 4, client.ExitNoQuorum: 5,
		client.ExitNotFound: 6, client.ExitConflict: 7, client.ExitRefused: 8, client.ExitNegative: 9, client.ExitDiskFailed: 10, client.ExitInterrupted: 130,
	} {
		if int(exit) != want {
			t.Errorf("exit code %d, want %d: scripts depend on it", exit, want)
		}
	}
}
