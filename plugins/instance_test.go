package plugins_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/wraft/wraft/internal/wasmtest"
	"github.com/wraft/wraft/plugins"
)

// shared is the engine of all tests that need none of their own, so that each
// guest is compiled once.
var shared *plugins.Engine

func TestMain(m *testing.M) {
	var err error
	if shared, err = plugins.NewEngine(plugins.Config{}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// newEngine starts an engine that ends with the test.
func newEngine(tb testing.TB, c plugins.Config) *plugins.Engine {
	tb.Helper()
	e, err := plugins.NewEngine(c)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := e.Close(context.Background()); err != nil {
			tb.Error(err)
		}
	})
	return e
}

// start compiles a binary and runs one instance until the test ends.
func start(tb testing.TB, e *plugins.Engine, binary []byte, c plugins.InstanceConfig) *plugins.Instance {
	tb.Helper()
	m, err := e.Compile(context.Background(), binary)
	if err != nil {
		tb.Fatal(err)
	}
	i, err := e.NewInstance(context.Background(), m, c)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := i.Close(context.Background()); err != nil {
			tb.Error(err)
		}
	})
	return i
}

// audit checks what holds of an instance between calls.
func audit(tb testing.TB, i *plugins.Instance) {
	tb.Helper()
	if err := i.Audit(); err != nil {
		tb.Fatal(err)
	}
}

// ask runs a query and returns its result as "status text".
func ask(tb testing.TB, i *plugins.Instance, query string) string {
	tb.Helper()
	r, err := i.Query(context.Background(), []byte(query))
	if err != nil {
		tb.Fatalf("query %s: %v", query, err)
	}
	audit(tb, i)
	return texts([]plugins.Result{r})[0]
}

// apply runs one entry and returns its results as "status text".
func apply(tb testing.TB, i *plugins.Instance, index uint64, commands ...string) []string {
	tb.Helper()
	out := gather(tb, i, index, commands...)
	audit(tb, i)
	return out
}

// gather is apply for a machine that may have put its checkpoint off.
func gather(tb testing.TB, i *plugins.Instance, index uint64, commands ...string) []string {
	tb.Helper()
	bytes := make([][]byte, len(commands))
	for k, c := range commands {
		bytes[k] = []byte(c)
	}
	results, err := i.Apply(context.Background(), plugins.Moment{Index: index, Time: int64(index) * 1000}, bytes)
	if err != nil {
		tb.Fatalf("entry %d: %v", index, err)
	}
	return texts(results)
}

func TestCounterEndToEnd(t *testing.T) {
	i := start(t, shared, wasmtest.Counter(t), plugins.InstanceConfig{})
	got := apply(t, i, 1, "incr", "add 40", "bogus", "incr")
	want := []string{`0 {"value":1}`, `0 {"value":41}`, `1 unknown command "bogus"; use incr, add N or get`, `0 {"value":42}`}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got %q, want %q", got, want)
	}
	r, err := i.Query(context.Background(), []byte("get"))
	if err != nil || string(r.Data) != `{"value":42}` {
		t.Errorf("query: %+v, %v", r, err)
	}
	var b strings.Builder
	if err := i.Export(context.Background(), &b); err != nil || b.String() != "42\n" {
		t.Errorf("export %q, %v", b.String(), err)
	}
}
