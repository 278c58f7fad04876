package plugins_test

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/wraft/wraft/internal/wasmtest"
	"github.com/wraft/wraft/plugins"
)

func TestVersion(t *testing.T) {
	ctx := context.Background()
	numbered := wasmtest.NewMachine(wasmtest.Unreachable)
	numbered.Export("wraft_version", 0, numbered.Function("", "i", "", wasmtest.I32Const(7)))
	for name, c := range map[string]struct {
		binary []byte
		want   uint32
	}{
		"without":     {wasmtest.NewMachine(wasmtest.Unreachable).Bytes(), 0},
		"with":        {numbered.Bytes(), 7},
		"sdk":         {wasmtest.Slow(t), 100},
		"sdk without": {wasmtest.Counter(t), 0},
	} {
		i := start(t, shared, c.binary, plugins.InstanceConfig{})
		before := stateHash(t, i)
		if got, err := i.Version(ctx); err != nil || got != c.want {
			t.Errorf("%s: version %d, %v, want %d", name, got, err, c.want)
		}
		if stateHash(t, i) != before {
			t.Errorf("%s: asking for the version left a trace", name)
		}
	}
}

func TestVersionFailures(t *testing.T) {
	trapping := wasmtest.NewMachine(wasmtest.Unreachable)
	trapping.Export("wraft_version", 0, trapping.Function("", "i", "", wasmtest.Unreachable))
	i := start(t, shared, trapping.Bytes(), plugins.InstanceConfig{})
	var guest *plugins.GuestError
	if _, err := i.Version(context.Background()); !errors.As(err, &guest) || guest.Status != plugins.StatusTrap {
		t.Errorf("a trap in wraft_version: %v", err)
	}
	mistyped := wasmtest.NewMachine(wasmtest.Unreachable)
	mistyped.Export("wraft_version", 0, mistyped.Function("i", "i", "", wasmtest.I32Const(7)))
	var refused *plugins.RefusedError
	if err := plugins.Validate(mistyped.Bytes(), plugins.Limits{}); !errors.As(err, &refused) || refused.Rule != "export" {
		t.Errorf("a wraft_version with a parameter: %v", err)
	}
}

// TestTakingOver hands one instance's state to another, as an upgrade does: the
// version goes with it, and time does not go back.
func TestTakingOver(t *testing.T) {
	ctx := context.Background()
	old := start(t, shared, wasmtest.Slow(t), plugins.InstanceConfig{})
	apply(t, old, 1, "add 3", "sleep 5000000000")
	version, err := old.Version(ctx)
	if err != nil {
		t.Fatal(err)
	}
	var state bytes.Buffer
	if err := old.Export(ctx, &state); err != nil {
		t.Fatal(err)
	}
	if old.Clock() < int64(5*time.Second) {
		t.Fatalf("the clock is %d after a sleep", old.Clock())
	}
	at := plugins.Moment{Index: 2, Time: old.Clock()}
	next := start(t, shared, wasmtest.Slow(t), plugins.InstanceConfig{Created: at})
	if err := next.Import(ctx, at, &state, version); err != nil {
		t.Fatal(err)
	}
	if got := apply(t, next, 3, "get"); got[0] != "0 103" {
		t.Errorf("after an import from version 100: %q", got)
	}
	if next.Clock() < old.Clock() {
		t.Errorf("the clock went back from %d to %d", old.Clock(), next.Clock())
	}
}
