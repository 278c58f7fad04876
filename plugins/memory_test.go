package plugins_test

import (
	"fmt"
	"testing"

	"github.com/wraft/wraft/internal/wasmtest"
	"github.com/wraft/wraft/plugins"
)

// growing is a machine that reads its command's first byte:
// G grows by two pages, writes 7 at the far end and traps;
// L loads from beyond the first page; Z grows by two pages and answers with
// what lies at the far end as its status; anything else answers 0.
func growing(pagesMax int) []byte {
	const far = 3*65536 - 8
	when := func(letter int32, code ...[]byte) []byte {
		return join(wasmtest.LocalGet(0), wasmtest.I32Load8(8), wasmtest.I32Const(letter), wasmtest.I32Eq, wasmtest.If, join(code...), wasmtest.End)
	}
	grow := join(wasmtest.I32Const(2), wasmtest.MemoryGrow(), wasmtest.Drop)
	b := wasmtest.NewMachine(
		store32(wasmtest.OutputAt, 0), store32(wasmtest.OutputAt+4, 0),
		when('G', grow, store32(far, 7), wasmtest.Unreachable),
		when('L', wasmtest.I32Const(65536), wasmtest.I32Load8(0), wasmtest.Drop),
		when('Z', grow, wasmtest.I32Const(wasmtest.OutputAt), wasmtest.I32Const(far), wasmtest.I32Load8(0), wasmtest.I32Store(0)),
		wasmtest.Answer(wasmtest.OutputAt, 8))
	b.Memory(1, pagesMax)
	return b.Bytes()
}

func TestMemoryShrinksBackAfterATrap(t *testing.T) {
	for _, c := range []struct {
		limit    int64
		pagesMax int // as declared
	}{{3 * 65536, -1}, {256 << 20, -1}, {256 << 20, 3}} {
		t.Run(fmt.Sprint(c), func(t *testing.T) {
			i := start(t, shared, growing(c.pagesMax), plugins.InstanceConfig{Limits: plugins.Limits{MemoryBytesMax: c.limit}})
			for k, step := range []struct {
				command, want string
				bytes         int64
			}{
				{"G", "-1 unreachable", 65536},
				{"L", "-1 out of bounds memory access", 65536}, // what was grown is gone
				{"G", "-1 unreachable", 65536},
				{"Z", "0 ", 3 * 65536}, // what was written there is gone too
				{"L", "0 ", 3 * 65536},
				{"-", "0 ", 3 * 65536},
			} {
				if got := apply(t, i, uint64(k+1), step.command)[0]; got != step.want || i.MemoryBytes() != step.bytes {
					t.Errorf("step %d, %s: got %q and %d bytes, want %q and %d", k, step.command, got, i.MemoryBytes(), step.want, step.bytes)
				}
			}
		})
	}
}

func TestQueriesShrinkBack(t *testing.T) {
	i := start(t, shared, growing(-1), plugins.InstanceConfig{})
	for _, step := range []struct{ query, want string }{
		{"Z", "0 "}, {"L", "-1 out of bounds memory access"}, {"G", "-1 unreachable"}, {"L", "-1 out of bounds memory access"}, {"Z", "0 "},
	} {
		if got := ask(t, i, "12345678"+step.query); got != step.want {
			t.Errorf("query %s: got %q, want %q", step.query, got, step.want)
		}
	}
	if i.MemoryBytes() != 65536 {
		t.Errorf("queries grew the machine to %d bytes", i.MemoryBytes())
	}
}

func TestDataDropIsNoState(t *testing.T) {
	// Copies its passive segment to the answer and drops it, each time.
	b := wasmtest.NewMachine(
		store32(wasmtest.OutputAt, 0), store32(wasmtest.OutputAt+4, 4),
		wasmtest.I32Const(wasmtest.OutputAt+8), wasmtest.I32Const(0), wasmtest.I32Const(4), []byte{0xfc, 8, 0, 0},
		[]byte{0xfc, 9, 0}, wasmtest.Answer(wasmtest.OutputAt, 12))
	b.Item(12, []byte{1})
	b.Item(11, []byte{1, 4, 'd', 'a', 't', 'a'})
	i := start(t, shared, b.Bytes(), plugins.InstanceConfig{})
	for index := range uint64(3) {
		if got := apply(t, i, index+1, "x")[0]; got != "0 data" {
			t.Errorf("entry %d: got %q", index+1, got)
		}
	}
}
