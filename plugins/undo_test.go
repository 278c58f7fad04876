package plugins_test

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/wraft/wraft/internal/wasmtest"
	"github.com/wraft/wraft/plugins"
)

// TestAThousandGrowsAreRolledBack: afterwards the memory is as it was, beyond its
// end every access still traps, and what is grown anew is zero.
func TestAThousandGrowsAreRolledBack(t *testing.T) {
	i := start(t, shared, growing(-1), plugins.InstanceConfig{})
	before := stateHash(t, i)
	for index := range uint64(1000) {
		if got := apply(t, i, index+1, "G")[0]; got != "-1 unreachable" || i.MemoryBytes() != 65536 {
			t.Fatalf("entry %d: %q and %d bytes", index, got, i.MemoryBytes())
		}
	}
	if got := apply(t, i, 1001, "L")[0]; got != "-1 out of bounds memory access" {
		t.Errorf("beyond the end: %q", got)
	}
	if stateHash(t, i) != before {
		t.Error("the state has changed")
	}
	if got := apply(t, i, 1002, "Z")[0]; got != "0 " {
		t.Errorf("what was grown anew: %q", got)
	}
}

// TestMemoryUpToTheGreatestLimit grows a guest to the greatest memory there is,
// stores at its very end by way of addresses and offsets beyond signed numbers, and
// traps beyond it.
func TestMemoryUpToTheGreatestLimit(t *testing.T) {
	const limit = 4<<30 - 2<<20
	const pages = limit / 65536
	stored := func(address int32, offset uint32) []byte {
		return join(wasmtest.I32Const(address), wasmtest.I32Const(0x01020304), []byte{0x36, 0}, wasmtest.Unsigned(uint64(offset)))
	}
	when := func(letter int32, code ...[]byte) []byte {
		return join(wasmtest.LocalGet(0), wasmtest.I32Load8(8), wasmtest.I32Const(letter), wasmtest.I32Eq, wasmtest.If, join(code...), wasmtest.End)
	}
	last := int64(limit - 4)
	b := wasmtest.NewMachine(
		wasmtest.I32Const(pages-1), wasmtest.MemoryGrow(), wasmtest.Drop,
		when('a', stored(int32(uint32(last)), 0)),
		when('b', stored(0, uint32(last))),
		when('c', stored(1<<31-1, uint32(last-(1<<31-1)))),
		when('d', stored(int32(uint32(last-7)), 7)),
		when('A', stored(int32(uint32(last+1)), 0)),
		when('B', stored(0, uint32(last+1))),
		when('C', stored(-1, 1<<32-1)),
		when('D', wasmtest.I32Const(1), wasmtest.MemoryGrow(), wasmtest.I32Const(-1), wasmtest.I32Eq, wasmtest.IfCode(nil), wasmtest.Unreachable, wasmtest.End),
		result(0, 0, 8))
	i := start(t, shared, b.Bytes(), plugins.InstanceConfig{Limits: plugins.Limits{MemoryBytesMax: limit}})
	for k, step := range []struct{ command, want string }{
		{"A", "-1 out of bounds memory access"}, {"D", "-1 unreachable"}, {"a", "0 "}, {"b", "0 "}, {"B", "-1 out of bounds memory access"},
		{"c", "0 "}, {"C", "-1 out of bounds memory access"}, {"d", "0 "}, {"D", "-1 unreachable"},
	} {
		if got := apply(t, i, uint64(k+1), step.command)[0]; got != step.want {
			t.Errorf("%s: got %q, want %q", step.command, got, step.want)
		}
		if step.want == "0 " {
			if got := string(i.Memory()[last:]); got != "\x04\x03\x02\x01" {
				t.Errorf("%s: the memory ends with % x", step.command, got)
			}
		}
	}
	if i.MemoryBytes() != limit {
		t.Errorf("%d bytes", i.MemoryBytes())
	}
}

// TestExhaustedStacksAreGivenBack: each of these commands makes the engine's stack
// grow to tens of megabytes, which the same instance must not keep.
func TestExhaustedStacksAreGivenBack(t *testing.T) {
	i := start(t, shared, recursive(), plugins.InstanceConfig{})
	for index := range uint64(10) {
		if got := apply(t, i, index+1, "x")[0]; got != "-5 stack exhausted: the call may claim 33554432 bytes" {
			t.Fatalf("entry %d: %q", index, got)
		}
	}
	var stats runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&stats)
	if stats.HeapAlloc > 256<<20 {
		t.Errorf("the heap holds %d MiB", stats.HeapAlloc>>20)
	}
}

// TestGuiltyCommandsInLargeBatches puts traps into batches of 64 and compares
// results and state with a machine that was given the innocent commands only.
func TestGuiltyCommandsInLargeBatches(t *testing.T) {
	const size = 64
	chance := rand.New(rand.NewPCG(3, 4))
	a := start(t, shared, wasmtest.Slow(t), plugins.InstanceConfig{})
	b := start(t, shared, wasmtest.Slow(t), plugins.InstanceConfig{})
	sum := 0
	for index, guilty := range []int{0, 1, 2, size, 1, 0} {
		at := chance.Perm(size)[:guilty]
		var commands, want, innocent []string
		for k := range size {
			if slices.Contains(at, k) {
				commands, want = append(commands, "half way"), append(want, "-1 unreachable: panic: way")
				continue
			}
			sum += k
			command := fmt.Sprintf("add %d", k)
			commands, want, innocent = append(commands, command), append(want, fmt.Sprintf("0 %d", sum)), append(innocent, command)
		}
		got := apply(t, a, uint64(index+1), commands...)
		for k := range got {
			got[k], _, _ = strings.Cut(got[k], "\n")
		}
		if !slices.Equal(got, want) {
			t.Fatalf("%d guilty:\ngot  %q\nwant %q", guilty, got, want)
		}
		if guilty == 0 {
			apply(t, b, uint64(index+1), innocent...)
			continue
		}
		for _, command := range innocent {
			apply(t, b, uint64(index+1), command)
		}
	}
	if stateHash(t, a) != stateHash(t, b) {
		t.Error("the states differ")
	}
}

// TestDataSegmentsComeBack: the first command of all destroys a segment and traps.
func TestDataSegmentsComeBack(t *testing.T) {
	b := wasmtest.NewMachine(
		wasmtest.I32Const(4090), wasmtest.I32Load8(0), wasmtest.I32Const('w'), wasmtest.I32Eq,
		wasmtest.If, wasmtest.I32Const(4000), wasmtest.I32Const(7), wasmtest.I32Const(200), []byte{0xfc, 11, 0}, wasmtest.Unreachable, wasmtest.End,
		result(0, 0, 8))
	b.Data(4090, []byte("was here before everything"))
	i := start(t, shared, b.Bytes(), plugins.InstanceConfig{})
	for index := range uint64(3) {
		if got := apply(t, i, index+1, "x")[0]; got != "-1 unreachable" {
			t.Errorf("entry %d: %q", index, got)
		}
	}
}
