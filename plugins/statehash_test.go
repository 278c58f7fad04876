package plugins_test

import (
	"testing"

	"github.com/wraft/wraft/internal/wasmtest"
	"github.com/wraft/wraft/plugins"
)

// TestNoEntryHashesWhatOthersChanged: with many blocks changed the hash lags by the newest
// ones, and an entry hashes as many as it changed, never all that wait.
func TestNoEntryHashesWhatOthersChanged(t *testing.T) {
	const (
		stores, rounds = 4, 1000 // of a block each, in an entry; entries
		waitMax        = 1024
		changedMost    = 2 * (stores + 3) // an entry's input and answer, and blocks behind the marked ones
	)
	c := wasmtest.I32Const
	next := join(wasmtest.GlobalGet(0), c(4096), wasmtest.I32Add, c(8<<20-1), []byte{0x71}, wasmtest.GlobalSet(0),
		wasmtest.GlobalGet(0), wasmtest.GlobalGet(0), wasmtest.I32Store(0))
	b := wasmtest.NewBuilder()
	b.Global(0)
	grown := join([]byte{0x3f, 0}, c(1), wasmtest.I32Eq, wasmtest.If, c(127), wasmtest.MemoryGrow(), wasmtest.Drop, wasmtest.End)
	machine := machineOn(b, grown, wasmtest.Repeat(stores, next), result(0, 0, 8))
	i := start(t, shared, machine, plugins.InstanceConfig{})
	full := false
	for n := range uint64(rounds) {
		before := i.Waiting()
		if got := apply(t, i, n+1, "x"); got[0] != "0 " {
			t.Fatalf("entry %d: %q", n, got)
		}
		now := i.Waiting()
		if now > waitMax || now < before-changedMost {
			t.Fatalf("entry %d: %d blocks wait, %d before", n, now, before)
		}
		full = full || now == waitMax
	}
	if !full {
		t.Fatalf("%d blocks wait at the end: nothing was hashed", i.Waiting())
	}
	bytes, hash := image(t, i, plugins.StateHash{})
	again, err := restoreWith(t, machine, plugins.InstanceConfig{}, bytes)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close(t.Context())
	if got := stateHash(t, again); got != hash || i.Waiting() != 0 {
		t.Errorf("%v of the image, %v of the machine, %d blocks wait", got, hash, i.Waiting())
	}
}
