package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/wraft/wraft/internal/wasmtest"
	"github.com/wraft/wraft/plugins"
	"github.com/wraft/wraft/raft"
)

// kvOf opens instances of the key-value guest, fresh ones and from images.
type kvOf struct {
	t      *testing.T
	engine *plugins.Engine
	module *plugins.Module
}

func newKVs(t *testing.T) kvOf {
	engine, err := plugins.NewEngine(plugins.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = engine.Close(context.Background()) })
	m, err := engine.Compile(t.Context(), wasmtest.KV(t))
	if err != nil {
		t.Fatal(err)
	}
	return kvOf{t, engine, m}
}

func (k kvOf) open(_ MachineRun, created plugins.Moment, images []io.Reader) (Machine, error) {
	if images == nil {
		return k.engine.NewInstance(k.t.Context(), k.module, plugins.InstanceConfig{Created: created})
	}
	return k.engine.Restore(k.t.Context(), k.module, plugins.InstanceConfig{}, images...)
}

// snapshotLog is a log with sessions, repeats and plain commands.
func snapshotLog(t *testing.T, n int) logOf {
	log := logOf{entry(t, 1, 1, Batch{Commands: []Command{{Kind: CommandOpenSession}, {Kind: CommandOpenSession}}})}
	for i := 2; i <= n; i++ {
		set := fmt.Sprintf("set key%d value%d", i%17, i)
		log = append(log, entry(t, raft.Index(i), raft.Term(1+i/40), Batch{Elapsed: int64(i) * 1e6, Commands: []Command{
			call1(SessionID(1+i%2), uint64(i/2), set), call1(SessionID(1+i%2), uint64(i/2), "repeated"), call1(0, 0, set),
		}}))
	}
	return log
}

func applyUpTo(t *testing.T, a *Applier, last raft.Index) {
	t.Helper()
	if _, err := a.Apply(t.Context(), ApplyWork{Range: raft.ApplyRange{First: a.Applied() + 1, Last: last}}); err != nil {
		t.Fatal(err)
	}
}

// applier is one at index 0 of group 7 with a new machine.
func (kvs kvOf) applier(t *testing.T, log EntryReader) *Applier {
	t.Helper()
	machine, err := kvs.open(MachineRun{}, plugins.Moment{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	a := NewApplier(7, machine, log)
	t.Cleanup(func() {
		if err := a.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return a
}

func captureBytes(t *testing.T, c *SnapshotCapture, err error) []byte {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var b bytes.Buffer
	if _, err := c.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestAReplicaGoesOnFromItsSnapshot records a replica, whole and as an increment,
// writes it down only when the machine has gone on, and lets a restored one apply the
// rest of the log: both must be the same in every bit.
func TestAReplicaGoesOnFromItsSnapshot(t *testing.T) {
	kvs, log := newKVs(t), snapshotLog(t, 120)
	a := kvs.applier(t, log)
	applyUpTo(t, a, 30)
	whole, err := a.Capture()
	applyUpTo(t, a, 45)
	one := captureBytes(t, whole, err)
	a.SnapshotsRestOn(whole.State)
	applyUpTo(t, a, 70)
	increment, err := a.Capture()
	applyUpTo(t, a, 90)
	two := captureBytes(t, increment, err)
	if whole.Increment || !increment.Increment || len(two) >= len(one) {
		t.Errorf("a whole one of %d bytes (increment %v), then %d bytes (increment %v)", len(one), whole.Increment, len(two), increment.Increment)
	}
	applyUpTo(t, a, 120)
	a.SnapshotsRestOn(plugins.StateHash{})
	last, err := a.Capture()
	want := captureBytes(t, last, err)
	for name, contents := range map[string][][]byte{"whole": {one}, "with an increment": {one, two}} {
		var readers []io.Reader
		for _, c := range contents {
			readers = append(readers, bytes.NewReader(c))
		}
		b, err := RestoreApplier(t.Context(), 7, readers, kvs.open, log)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		applyUpTo(t, b, 120)
		last, err := b.Capture()
		if got := captureBytes(t, last, err); !bytes.Equal(got, want) {
			t.Errorf("%s: another state behind the same log", name)
		}
		if err := b.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
	refuseDamaged(t, kvs, one, two)
}

// refuseDamaged: a content that is cut, changed, of another group or in the wrong
// order makes no applier.
func refuseDamaged(t *testing.T, kvs kvOf, one, two []byte) {
	restore := func(g raft.GroupID, contents ...[]byte) error {
		var readers []io.Reader
		for _, c := range contents {
			readers = append(readers, bytes.NewReader(c))
		}
		a, err := RestoreApplier(t.Context(), g, readers, kvs.open, logOf{})
		if err == nil {
			_ = a.Close(t.Context())
		}
		return err
	}
	for name, err := range map[string]error{
		"another group":     restore(8, one),
		"an increment only": restore(7, two),
		"the wrong order":   restore(7, two, one),
		"an appendage":      restore(7, append(bytes.Clone(one), 1)),
		"nothing":           restore(7, nil),
		"half":              restore(7, one[:len(one)/2]),
		"half a frame":      restore(7, one[:40]),
	} {
		if !errors.Is(err, ErrSnapshotState) && !errors.Is(err, plugins.ErrImage) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for at := 0; at < 600; at += 41 {
		wrong := bytes.Clone(one)
		wrong[at] ^= 0x41
		_ = restore(7, wrong) // Why unchecked: files have checksums; here it only must not panic
	}
}

// TestPointsFollowFromTheLog: replicas take snapshots behind the same entries, also
// one that was restored in between or is still writing the last one.
func TestPointsFollowFromTheLog(t *testing.T) {
	log := snapshotLog(t, 120)
	policy := SnapshotPolicy{LogBytes: 1500, Interval: 50 * time.Millisecond}
	points := func(a *Applier) (out []raft.Index, last []byte) {
		a.TakeSnapshots(policy)
		for a.Applied() < 120 {
			applyUpTo(t, a, a.Applied()+1)
			if c := a.TakeCapture(); c != nil {
				out, last = append(out, c.Index), captureBytes(t, c, nil)
			}
		}
		return out, last
	}
	first := NewApplier(7, NewMetaMachine(func(*Catalogue) {}), log)
	want, _ := points(first)
	if len(want) < 5 {
		t.Fatalf("only %v", want)
	}
	if other, _ := points(NewApplier(8, NewMetaMachine(func(*Catalogue) {}), log)); other[0] == want[0] {
		t.Errorf("two groups begin at %d", want[0])
	}
	// Why at every entry: the counters must come along wherever the snapshot is taken.
	for at := raft.Index(2); at < 119; at += 13 {
		a := NewApplier(7, NewMetaMachine(func(*Catalogue) {}), log)
		a.TakeSnapshots(policy)
		a.HoldSnapshots(true)
		applyUpTo(t, a, at)
		if c := a.TakeCapture(); c != nil {
			t.Fatalf("a snapshot at %d although one is being written", c.Index)
		}
		c, err := a.Capture()
		content := captureBytes(t, c, err)
		b, err := RestoreApplier(t.Context(), 7, []io.Reader{bytes.NewReader(content)}, func(_ MachineRun, _ plugins.Moment, parts []io.Reader) (Machine, error) {
			m := NewMetaMachine(func(*Catalogue) {})
			return m, m.Load(parts[0])
		}, log)
		if err != nil {
			t.Fatal(err)
		}
		got, _ := points(b)
		var rest []raft.Index
		for _, i := range want {
			if i > at {
				rest = append(rest, i)
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(rest) {
			t.Errorf("restored at %d: points %v, want %v", at, got, rest)
		}
	}
}
