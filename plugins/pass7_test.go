package plugins_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wraft/wraft/internal/wasmtest"
	"github.com/wraft/wraft/plugins"
)

// workshop is a machine that uses what the pass rewrites: loops, frames, floats, globals,
// stores to a record, and short and long bulk operations. It traps at X, after all of that. At
// L its loop and its recursion take some slices of fuel each; at S its recursion has no end.
func workshop() []byte {
	const record, word, float = 4096, 8, 16
	c, get := wasmtest.I32Const, wasmtest.LocalGet
	is := func(letter int32) []byte { return join(get(0), wasmtest.I32Load8(8), c(letter), wasmtest.I32Eq) }
	choose := func(yes, no []byte, letter int32) []byte { return join(yes, no, is(letter), []byte{0x1b}) }
	b := wasmtest.NewBuilder()
	b.Global(0)
	sum := b.Function("i", "i", "", get(0), wasmtest.I32Eqz, wasmtest.If, c(7), wasmtest.Return, wasmtest.End,
		get(0), c(1), wasmtest.I32Sub, wasmtest.Call(0), get(0), wasmtest.I32Add)
	return machineOn(b,
		wasmtest.GlobalGet(0), c(1), wasmtest.I32Add, wasmtest.GlobalSet(0),
		choose(c(40_000), c(100), 'L'), wasmtest.LocalSet(1), // which came with the input's length
		wasmtest.Loop, get(1), c(8), []byte{0x6c}, c(0x7fff), []byte{0x71}, wasmtest.GlobalGet(0), wasmtest.I32Store(record),
		get(1), c(1), wasmtest.I32Sub, []byte{0x22, 1}, wasmtest.BrIf(0), wasmtest.End,
		c(word), choose(c(-1), choose(c(30_000), c(30), 'L'), 'S'), wasmtest.Call(sum), wasmtest.GlobalGet(0), wasmtest.I32Add, wasmtest.I32Store(0),
		c(word), get(0), wasmtest.I32Load(8), wasmtest.I32Store(4),
		c(float), []byte{0x44, 0, 0, 0, 0, 0, 0, 0, 0}, []byte{0x44, 0, 0, 0, 0, 0, 0, 0, 0}, []byte{0xa3, 0x39, 3, 0}, // 0/0
		c(20_000), c(record), c(64), wasmtest.MemoryCopy,
		c(24_000), c(record), c(9_000), wasmtest.MemoryCopy,
		c(40_000), get(1), c(300), wasmtest.MemoryFill,
		is('X'), wasmtest.If, wasmtest.Unreachable, wasmtest.End,
		c(wasmtest.OutputAt), c(0), wasmtest.I32Store(0), c(wasmtest.OutputAt), c(4), wasmtest.I32Store(4),
		c(wasmtest.OutputAt), c(word), wasmtest.I32Load(0), wasmtest.I32Store(8), wasmtest.Answer(wasmtest.OutputAt, 12))
}

// worked is what an artefact answers, what each command spends, and the memory at the end.
func worked(t *testing.T, artefact []byte, l plugins.Limits) string {
	t.Helper()
	m, err := shared.Load(t.Context(), artefact)
	if err != nil {
		t.Fatal(err)
	}
	i, err := shared.NewInstance(t.Context(), m, plugins.InstanceConfig{Limits: l})
	if err != nil {
		t.Fatal(err)
	}
	defer i.Close(context.Background())
	got := ""
	for n, command := range []string{"a", "X", "bc", "L", "S", "d", "X", "e"} {
		got += fmt.Sprintf("%q %d\n", apply(t, i, uint64(n+1), command)[0], i.FuelUsed())
	}
	return got + fmt.Sprintf("%x", sha256.Sum256(i.Memory()))
}

// passSeven is what the release before made of workshop.
func passSeven(t *testing.T) []byte {
	t.Helper()
	artefact, err := os.ReadFile(filepath.Join("testdata", "pass7.artefact"))
	if err != nil {
		t.Fatal(err)
	}
	a, err := plugins.ReadArtefact(artefact)
	if err != nil {
		t.Fatal(err)
	}
	if a.Pass != 7 {
		t.Fatalf("the file is of pass %d", a.Pass)
	}
	if err := a.Verify(workshop()); err != nil {
		t.Fatalf("the file is of another machine: %v", err)
	}
	return artefact
}

// TestPass7RunsAsItDid: machines that the release before has deployed go on with the
// artefact they have. The figures are what that release got from it. Those of what this
// release makes of the same machine are no others.
func TestPass7RunsAsItDid(t *testing.T) {
	const want = `"0 \xd9\x01\x00\x00" 2504
"-1 unreachable" 2494
"0 \xda\x01\x00\x00" 2504
"0 \"\xaf\xd2\x1a" 711314
"-5 stack exhausted: the call may claim 33554432 bytes" 496570
"0 \xdc\x01\x00\x00" 2504
"-1 unreachable" 2494
"0 \xdd\x01\x00\x00" 2504
81cddc91ccc4db90fc36e805167b500ef29f214558d45609ea47ddaf17b9caf0`
	for name, artefact := range map[string][]byte{"the release before": passSeven(t), "this release": prepare(t, workshop()).Binary} {
		if got := worked(t, artefact, plugins.Limits{}); got != want {
			t.Errorf("made by %s: got\n%s\nwant\n%s", name, got, want)
		}
	}
}

// TestPass8EndsCallsWherePass7Does: whatever fuel and stack a command may use, what it
// answers and has spent at its end is the same, but for the larger frames of pass 8.
func TestPass8EndsCallsWherePass7Does(t *testing.T) {
	const (
		most, step        = 800_000, 9_973 // of fuel: more than any command spends; no divisor of a slice
		stackLeast, share = 64 << 10, 16 << 10
		// more is by what the frame of workshop's apply is larger: of its division one value more may need
		// a place, and of each of its three selects two, since those may be between floats.
		more = 8 * (1 + 3*2)
	)
	before, now := passSeven(t), prepare(t, workshop()).Binary
	outcomes := map[string]bool{}
	for n := int64(1); n*step < most; n++ {
		l := plugins.Limits{FuelCommandMax: n * step, StackBytesMax: stackLeast + n*share}
		if n%3 == 0 { // of the fuel that a short command needs
			l.FuelCommandMax = 2_300 + n
		}
		a := worked(t, before, l)
		l.StackBytesMax += more
		b := strings.ReplaceAll(worked(t, now, l), fmt.Sprintf("may claim %d ", l.StackBytesMax), fmt.Sprintf("may claim %d ", l.StackBytesMax-more))
		if a != b {
			t.Fatalf("with %+v: pass 7\n%s\npass 8\n%s", l, a, b)
		}
		outcomes[a] = true
	}
	if few := int(most / step / 2); len(outcomes) < few {
		t.Errorf("%d outcomes, want %d and more: the limits make no difference", len(outcomes), few)
	}
}
