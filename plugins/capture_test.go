package plugins_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"sync"
	"testing"

	"github.com/wraft/wraft/internal/wasmtest"
	"github.com/wraft/wraft/plugins"
)

// image writes an image of i down, on base.
func image(tb testing.TB, i *plugins.Instance, base plugins.StateHash) ([]byte, plugins.StateHash) {
	tb.Helper()
	c, err := i.Capture(base)
	if err != nil {
		tb.Fatal(err)
	}
	defer c.Close()
	return written(tb, c), c.Hash()
}

func written(tb testing.TB, c *plugins.Capture) []byte {
	tb.Helper()
	var b bytes.Buffer
	n, err := c.WriteTo(&b)
	if err != nil || n != int64(b.Len()) {
		tb.Fatalf("wrote %d bytes, says %d, %v", b.Len(), n, err)
	}
	return b.Bytes()
}

// restored starts an instance of the slow guest from images.
func restored(tb testing.TB, images ...[]byte) *plugins.Instance {
	tb.Helper()
	i, err := restore(tb, wasmtest.Slow(tb), images...)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = i.Close(context.Background()) })
	return i
}

func restore(tb testing.TB, module []byte, images ...[]byte) (*plugins.Instance, error) {
	tb.Helper()
	return restoreWith(tb, module, plugins.InstanceConfig{}, images...)
}

func restoreWith(tb testing.TB, module []byte, c plugins.InstanceConfig, images ...[]byte) (*plugins.Instance, error) {
	tb.Helper()
	m, err := shared.Compile(context.Background(), module)
	if err != nil {
		tb.Fatal(err)
	}
	var readers []io.Reader
	for _, b := range images {
		readers = append(readers, bytes.NewReader(b))
	}
	return shared.Restore(context.Background(), m, c, readers...)
}

// busy is what the slow guest is made to do: it counts, allocates, draws chance,
// moves its runtime's random state and its clock, emits, and fails.
func busy(k int) string {
	return []string{"add 3", "order", "random 8", "emit event", "grow 1", "half way", "sleep 5", "now", "panic boom"}[k%9]
}

func TestMachineRestoredFromAnImageGoesOnAlike(t *testing.T) {
	a := start(t, shared, wasmtest.Slow(t), plugins.InstanceConfig{})
	for k := range 40 {
		apply(t, a, uint64(k+1), busy(k))
	}
	whole, hash := image(t, a, plugins.StateHash{})
	if hash != stateHash(t, a) {
		t.Errorf("the image is of state %v", hash)
	}
	b := restored(t, whole)
	for k := 40; k < 120; k++ {
		fromA, fromB := apply(t, a, uint64(k+1), busy(k), busy(k+1)), apply(t, b, uint64(k+1), busy(k), busy(k+1))
		if !slices.Equal(fromA, fromB) || a.FuelUsed() != b.FuelUsed() {
			t.Fatalf("entry %d: %q for %d and %q for %d", k+1, fromA, a.FuelUsed(), fromB, b.FuelUsed())
		}
		if stateHash(t, a) != stateHash(t, b) {
			t.Fatalf("entry %d: the states differ", k+1)
		}
	}
	for _, q := range []string{"get", "now", "order"} {
		fromA, err := a.Query(context.Background(), []byte(q))
		if err != nil {
			t.Fatal(err)
		}
		fromB, err := b.Query(context.Background(), []byte(q))
		if err != nil || !slices.Equal(fromA.Data, fromB.Data) {
			t.Errorf("query %s: %q and %q, %v", q, fromA.Data, fromB.Data, err)
		}
	}
}

// slowWriter lets somebody else go on between two writes.
type slowWriter struct {
	bytes.Buffer
	each func()
}

func (w *slowWriter) Write(b []byte) (int, error) {
	w.each()
	return w.Buffer.Write(b)
}

func TestImageIsOfItsMomentWhateverIsAppliedMeanwhile(t *testing.T) {
	i := start(t, shared, wasmtest.Slow(t), plugins.InstanceConfig{})
	for k := range 20 {
		apply(t, i, uint64(k+1), busy(k))
	}
	want := stateHash(t, i)
	c, err := i.Capture(plugins.StateHash{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	index := uint64(20)
	w := &slowWriter{each: func() {
		index++
		apply(t, i, index, busy(int(index)), "grow 2")
	}}
	if _, err := c.WriteTo(w); err != nil {
		t.Fatal(err)
	}
	if index < 30 {
		t.Fatalf("only %d entries were applied meanwhile", index-20)
	}
	if c.BytesAside() != 0 {
		t.Errorf("%d bytes are still aside", c.BytesAside())
	}
	if got := stateHash(t, restored(t, w.Bytes())); got != want || want == stateHash(t, i) {
		t.Errorf("restored %v, want %v; by now it is %v", got, want, stateHash(t, i))
	}
}

func TestImageIsWrittenBesideARunningMachine(t *testing.T) {
	i := start(t, shared, wasmtest.Slow(t), plugins.InstanceConfig{})
	apply(t, i, 1, "grow 20")
	var writing sync.WaitGroup
	type pair struct {
		want  plugins.StateHash
		image []byte
	}
	images := make([]pair, 6)
	const atOnce = 4 // captures that a machine may have open
	open := make(chan struct{}, atOnce)
	for n := range images {
		open <- struct{}{} // Why: they may be written more slowly than entries are applied
		c, err := i.Capture(plugins.StateHash{})
		if err != nil {
			t.Fatal(err)
		}
		writing.Go(func() {
			defer func() { <-open }()
			defer c.Close()
			w := &slowWriter{each: runtime.Gosched}
			if _, err := c.WriteTo(w); err != nil {
				t.Error(err)
			}
			images[n] = pair{c.Hash(), w.Bytes()}
		})
		for k := range 30 {
			apply(t, i, uint64(100*n+k+2), busy(k))
		}
	}
	writing.Wait()
	for n, p := range images {
		if got := stateHash(t, restored(t, p.image)); got != p.want {
			t.Errorf("image %d: state %v, want %v", n, got, p.want)
		}
	}
}

func TestIncrementsMakeTheWhole(t *testing.T) {
	i := start(t, shared, wasmtest.Slow(t), plugins.InstanceConfig{})
	apply(t, i, 1, "grow 10")
	first, hash := image(t, i, plugins.StateHash{})
	images, index := [][]byte{first}, uint64(1)
	for n := range 5 {
		for k := range 7 {
			index++
			apply(t, i, index, busy(k+n))
		}
		var next []byte
		next, hash = image(t, i, hash)
		if len(next) > len(first)/2 {
			t.Errorf("increment %d has %d bytes, the whole %d", n, len(next), len(first))
		}
		images = append(images, next)
	}
	b := restored(t, images...)
	if stateHash(t, b) != hash || stateHash(t, i) != hash {
		t.Fatalf("state %v, want %v", stateHash(t, b), hash)
	}
	// The restored one goes on with increments on what it was restored from.
	apply(t, b, index+1, "add 1")
	more, hash := image(t, b, hash)
	if got := stateHash(t, restored(t, append(images, more)...)); got != hash {
		t.Errorf("state %v, want %v", got, hash)
	}
	for name, wrong := range map[string][][]byte{
		"none": {}, "no whole": images[1:], "one missing": slices.Delete(slices.Clone(images), 2, 3),
		"twice": {first, images[1], images[1]}, "two wholes": {first, first},
	} {
		if _, err := restore(t, wasmtest.Slow(t), wrong...); !errors.Is(err, plugins.ErrImage) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := i.Capture(plugins.StateHash{1}); !errors.Is(err, plugins.ErrBase) {
		t.Errorf("an increment on nothing: %v", err)
	}
}

func TestDamagedImagesAreRefused(t *testing.T) {
	module := emitter()
	i := start(t, shared, module, plugins.InstanceConfig{})
	apply(t, i, 1, "one")
	apply(t, i, 2, "two")
	whole, _ := image(t, i, plugins.StateHash{})
	if events, _ := i.EventsAfter(plugins.EventKey{}); len(events) != 2 {
		t.Fatalf("%d events", len(events))
	}
	for at := 0; at < len(whole); {
		bad := slices.Clone(whole)
		bad[at] ^= 0x41
		for what, b := range map[string][]byte{"cut": whole[:at], "changed": bad} {
			if again, err := restore(t, module, b); !errors.Is(err, plugins.ErrImage) {
				_ = again.Close(context.Background())
				t.Fatalf("%s at %d of %d: %v", what, at, len(whole), err)
			}
		}
		if at++; at > 400 && at < len(whole)-100 {
			at += 96 // within the blocks
		}
	}
	again, err := restore(t, module, append(slices.Clone(whole), "what follows is not read"...))
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close(context.Background())
	if stateHash(t, again) != stateHash(t, i) {
		t.Error("another state")
	}
}

// emitter emits a byte for each command.
func emitter() []byte {
	b := wasmtest.NewBuilder()
	emit := b.Import("wraft", "emit", "ii", "")
	return machineOn(b,
		wasmtest.I32Const(wasmtest.InputAt), wasmtest.I32Const(9), wasmtest.Call(emit),
		wasmtest.I32Const(wasmtest.OutputAt), wasmtest.I32Const(0), wasmtest.I32Store(0),
		wasmtest.I32Const(wasmtest.OutputAt), wasmtest.I32Const(0), wasmtest.I32Store(4),
		wasmtest.Answer(wasmtest.OutputAt, 8))
}

func TestImageOfAnotherRunIsRefused(t *testing.T) {
	i := start(t, shared, wasmtest.Slow(t), plugins.InstanceConfig{Limits: plugins.Limits{FuelCommandMax: 4_000_000_000}})
	whole, _ := image(t, i, plugins.StateHash{})
	if _, err := restore(t, wasmtest.Slow(t), whole); !errors.Is(err, plugins.ErrImage) {
		t.Errorf("got %v", err)
	}
}

// TestCapturesAreBounded: a caller that forgets to close is told so before memory is
// gone, and an image is written once, since what was read of it is not kept.
func TestCapturesAreBounded(t *testing.T) {
	i := start(t, shared, wasmtest.NewMachine(wasmtest.Answer(wasmtest.OutputAt, 8)).Bytes(), plugins.InstanceConfig{})
	var open []*plugins.Capture
	for {
		c, err := i.Capture(plugins.StateHash{})
		if errors.Is(err, plugins.ErrCaptures) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if open = append(open, c); len(open) > 100 {
			t.Fatal("a hundred captures are open")
		}
	}
	first := written(t, open[0])
	if n, err := open[0].WriteTo(io.Discard); n != 0 || err == nil {
		t.Errorf("written again: %d bytes, %v", n, err)
	}
	open[0].Close()
	again, _ := image(t, i, plugins.StateHash{})
	if !bytes.Equal(first, again) {
		t.Error("two images of one state differ")
	}
	for _, c := range open {
		c.Close()
	}
}

func TestCaptureEndsWithItsInstance(t *testing.T) {
	i := start(t, shared, wasmtest.Slow(t), plugins.InstanceConfig{})
	c, err := i.Capture(plugins.StateHash{})
	if err != nil {
		t.Fatal(err)
	}
	w := &slowWriter{}
	writes := 0
	w.each = func() {
		if writes++; writes == 3 {
			if err := i.Close(context.Background()); err != nil {
				t.Error(err)
			}
		}
	}
	if _, err := c.WriteTo(w); !errors.Is(err, plugins.ErrClosed) {
		t.Errorf("got %v", err)
	}
}

func TestEventsAreKeptUpToABound(t *testing.T) {
	limits := plugins.Limits{EventBytesMax: 128}
	i := start(t, shared, wasmtest.Slow(t), plugins.InstanceConfig{Limits: limits})
	for k := range 100 {
		apply(t, i, uint64(k+1), fmt.Sprintf("emit %03d", k), fmt.Sprintf("emit %03d too", k))
	}
	all, complete := i.EventsAfter(plugins.EventKey{})
	if complete || len(all) == 0 {
		t.Fatalf("%d events, complete %v", len(all), complete)
	}
	size := 0
	for _, e := range all {
		size += len(e.Data) + 16
	}
	if size > 4*128 || size < 3*128 {
		t.Errorf("%d bytes of events are kept", size)
	}
	last := all[len(all)-1]
	if last.Key() != (plugins.EventKey{Index: 100, N: 1}) || string(last.Data) != "099 too" {
		t.Errorf("the newest is %v: %q", last.Key(), last.Data)
	}
	rest, complete := i.EventsAfter(plugins.EventKey{Index: 99, N: 0})
	if !complete || len(rest) != 3 || rest[0].Key() != (plugins.EventKey{Index: 99, N: 1}) {
		t.Errorf("behind 99.0: %v, complete %v", rest, complete)
	}
	if none, complete := i.EventsAfter(last.Key()); !complete || len(none) != 0 {
		t.Errorf("behind the newest: %v, %v", none, complete)
	}
	before := stateHash(t, i)
	m, err := shared.Compile(context.Background(), wasmtest.Slow(t))
	if err != nil {
		t.Fatal(err)
	}
	whole, _ := image(t, i, plugins.StateHash{})
	again, err := shared.Restore(context.Background(), m, plugins.InstanceConfig{Limits: limits}, bytes.NewReader(whole))
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close(context.Background())
	if kept, _ := again.EventsAfter(plugins.EventKey{}); len(kept) != len(all) || stateHash(t, again) != before {
		t.Errorf("%d events after a restore, before %d", len(kept), len(all))
	}
}

func TestHashIsOfTheStateAndNotOfItsHistory(t *testing.T) {
	// The machine writes the command's bytes to where the command says, and nothing
	// else: two ways to the same memory.
	shl, store8 := []byte{0x74}, []byte{0x3a, 0, 0xb8, 0x17} // at 3000 of the block
	binary := machineOn(wasmtest.NewBuilder(),
		wasmtest.LocalGet(0), wasmtest.I32Load8(8), wasmtest.I32Const(12), shl,
		wasmtest.LocalGet(0), wasmtest.I32Load8(9), store8,
		wasmtest.I32Const(wasmtest.OutputAt), wasmtest.I32Const(0), wasmtest.I32Store(0),
		wasmtest.I32Const(wasmtest.OutputAt), wasmtest.I32Const(0), wasmtest.I32Store(4),
		wasmtest.Answer(wasmtest.OutputAt, 8))
	short, long := start(t, shared, binary, plugins.InstanceConfig{}), start(t, shared, binary, plugins.InstanceConfig{})
	apply(t, short, 6, "\x05b") // the clock is state as well
	for k, c := range []string{"\x09x", "\x05a", "\x0ez", "\x09\x00", "\x0e\x00", "\x05b"} {
		stateHash(t, long)
		apply(t, long, uint64(k+1), c)
	}
	if stateHash(t, short) != stateHash(t, long) {
		t.Error("two ways to one state, two hashes")
	}
	whole, hash := image(t, long, plugins.StateHash{})
	if len(whole) > 8*4096 {
		t.Errorf("%d bytes, with blocks of zeros", len(whole))
	}
	if hash != stateHash(t, short) {
		t.Error("the image has another hash")
	}
	apply(t, long, 9, "\x06b")
	if stateHash(t, short) == stateHash(t, long) {
		t.Error("a byte at another place makes no difference")
	}
}
