package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/wraft/wraft/internal/wasmtest"
	"github.com/wraft/wraft/plugins"
	"github.com/wraft/wraft/raft"
)

// putCommand has the key-value guest store something.
func putCommand(key, value string) Command {
	data := append([]byte{0x84, 0x63, 'p', 'u', 't', 0x58, byte(len(key))}, key...)
	data = append(append(data, 0x58, byte(len(value))), value...)
	return call1(0, 0, string(append(data, 0xf6)))
}

func exportCommand(t *testing.T, after raft.Index) Command {
	t.Helper()
	c, err := ExportCommand(ExportOrder{After: after})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// exportAt applies an export behind the last entry.
func exportAt(t *testing.T, a *Applier) ExportOutcome {
	t.Helper()
	o, err := DecodeExportOutcome(applyTo(t, a, exportCommand(t, a.LastExport().Index)).Data)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// open implements OpenSnapshot.
func (b *bench) open(run MachineRun, created plugins.Moment, images []io.Reader) (Machine, error) {
	if images == nil {
		return b.OpenSuccessor(context.Background(), run, created)
	}
	return b.wasm.Restore(context.Background(), b.modules[run.Artefact], OpenConfig{Name: "bench", Limits: run.Limits}, images...)
}

// restored is a replica that begins from a snapshot.
func (b *bench) restored(t *testing.T, content []byte) (*Applier, error) {
	a, err := RestoreApplier(t.Context(), 7, []io.Reader{bytes.NewReader(content)}, b.open, nil)
	if err == nil {
		a.FollowUpgrades(MachineRun{}, b)
		t.Cleanup(func() { _ = a.Close(context.Background()) })
	}
	return a, err
}

// stateOf is everything by which replicas must not differ: state and fuel.
func stateOf(t *testing.T, a *Applier) string {
	t.Helper()
	i := a.machine.(*plugins.Instance)
	hash, err := i.StateHash()
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%v, %d fuel, %x", hash, i.FuelUsed(), a.replicaHash(hash))
}

// TestExportsKeepReplicasEqual: two replicas live through export entries, one of them
// while it serves a long query and writes its file much later; a third begins from that
// file, and a fourth from the file of the third. All are the same in every bit and spend
// the same fuel, and not what one has that never exported.
func TestExportsKeepReplicasEqual(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles a Go guest")
	}
	b := newBench(t)
	run := b.run(t, wasmtest.KV(t), nil)
	replicas := []*Applier{b.applier(t, run), b.applier(t, run)}
	never := b.applier(t, run)
	all := func(c Command) {
		for _, a := range append(replicas, never) {
			applyTo(t, a, c)
		}
	}
	equal := func(what string) {
		t.Helper()
		for n, a := range replicas {
			if got, want := stateOf(t, a), stateOf(t, replicas[0]); got != want {
				t.Fatalf("%s: replica %d has %s, replica 0 %s", what, n, got, want)
			}
		}
	}
	all(Command{Kind: CommandOpenSession})
	for n := range 300 {
		all(putCommand(fmt.Sprintf("key %d", n%90), strings.Repeat("v", n%120)))
	}
	for round := range 3 {
		fork, err := replicas[1].Fork(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range replicas {
			if o := exportAt(t, a); o != (ExportOutcome{Index: a.Applied()}) {
				t.Fatalf("round %d: %+v", round, o)
			}
		}
		applyTo(t, never, call1(0, 0, "no export"))
		equal("behind the export")
		if _, err := fork.Refresh(1 << 30); !errors.Is(err, plugins.ErrClosed) {
			t.Errorf("a fork of the old instance: %v", err)
		}
		if err := fork.Release(t.Context()); err != nil {
			t.Error(err)
		}
		early := captureBytes(t, replicas[0].TakeCapture(), nil)
		late := replicas[1].TakeCapture()
		for n := range 20 {
			all(putCommand(fmt.Sprintf("key %d", n+100*round), "more"))
		}
		if late.Kind() != "export/1" || !bytes.Equal(captureBytes(t, late, nil), early) {
			t.Fatalf("round %d: replicas record different snapshots, of kind %s", round, late.Kind())
		}
		begun, err := b.restored(t, early)
		if err != nil {
			t.Fatal(err)
		}
		for n := range 20 {
			applyTo(t, begun, putCommand(fmt.Sprintf("key %d", n+100*round), "more"))
		}
		replicas = append(replicas, begun)
		all(call1(0, 0, "no command"))
		equal("with one that began from the export")
	}
	if stateOf(t, never) == stateOf(t, replicas[0]) {
		t.Error("exports change nothing here, so this proves nothing")
	}
}

// TestEventsBeforeAnExportAreMissed: who asks a replica that lived through an export or
// an upgrade, or began from the file, for events from before it hears that some are
// gone; who knows all of them hears that there are none but those since.
func TestEventsBeforeAnExportAreMissed(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles a Go guest")
	}
	b := newBench(t)
	first, second := b.run(t, wasmtest.Slow(t), nil), b.run(t, wasmtest.Slow(t), func(l *MachineLimits) { l.LogBytes++ })
	a := b.applier(t, first)
	var last plugins.EventKey
	expect := func(what string, a *Applier, since int) {
		t.Helper()
		i := a.machine.(*plugins.Instance)
		if events, complete := i.EventsAfter(plugins.EventKey{}); complete != (last == plugins.EventKey{}) || len(events) != since {
			t.Errorf("%s, from the beginning: %d events, complete %v", what, len(events), complete)
		}
		if events, complete := i.EventsAfter(last); !complete || len(events) != since {
			t.Errorf("%s, behind the newest: %d events, complete %v", what, len(events), complete)
		}
	}
	exportAt(t, a)
	a.TakeCapture().Close()
	expect("when there was none", a, 0)
	for round := range 2 { // Why again: the second time the newest is not kept any more
		if round == 0 {
			applyTo(t, a, call1(0, 0, "emit one"))
			last = plugins.EventKey{Index: uint64(a.Applied())}
		}
		exportAt(t, a)
		content := captureBytes(t, a.TakeCapture(), nil)
		begun, err := b.restored(t, content)
		if err != nil {
			t.Fatal(err)
		}
		expect("behind an export", a, 0)
		expect("from the file", begun, 0)
		if got, want := stateOf(t, begun), stateOf(t, a); got != want {
			t.Errorf("the replicas differ: %s, %s", got, want)
		}
	}
	if o := upgradeTo(t, a, 1, first, second); o.Status != 0 {
		t.Fatalf("%+v", o)
	}
	expect("behind an upgrade", a, 0)
	applyTo(t, a, call1(0, 0, "emit two"))
	expect("with one since", a, 1)
}

// TestRefusedExportsFallBackToImages: on two replicas, one with a query that trapped, a
// module that does not export, or does not take its state back, goes on as it was; what
// is recorded is an image, of the same bytes, from which a replica begins that agrees.
func TestRefusedExportsFallBackToImages(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles a Go guest")
	}
	b := newBench(t)
	slow := wasmtest.Slow(t)
	small := func(l *MachineLimits) { l.ExportBytes = 1 << 20 }
	for _, c := range []struct{ value, reason string }{
		{"13", "the module does not export its state: wraft_snapshot: status 13: unlucky"},
		{"14", "the module does not export its state: wraft_snapshot: unreachable: panic: snapshot of 14"},
		{"15", "the module does not export its state: wraft_snapshot: more than 1048576 bytes were written"},
	} {
		run := b.run(t, slow, small)
		var outcomes []ExportOutcome
		var states []string
		for replica := range 2 {
			a := b.applier(t, run)
			applyTo(t, a, call1(0, 0, "add "+c.value))
			if r, err := a.Query(t.Context(), []byte([]string{"get", "panic x"}[replica])); err != nil || (r.Status != 0) != (replica == 1) {
				t.Fatal(r, err)
			}
			before := a.machine
			outcomes = append(outcomes, exportAt(t, a))
			image := a.TakeCapture()
			if a.machine != before || image == nil || image.Kind() != "image/1" {
				t.Fatalf("%s: another instance, or no image: %+v", c.value, image)
			}
			begun, err := b.restored(t, captureBytes(t, image, nil))
			if err != nil {
				t.Fatal(err)
			}
			for _, a := range []*Applier{a, begun} {
				if got := applyTo(t, a, call1(0, 0, "order")); got.Status != 0 {
					t.Errorf("%s: afterwards %+v", c.value, got)
				}
				if a.LastExport() != outcomes[0] {
					t.Errorf("%s: it remembers %+v", c.value, a.LastExport())
				}
				states = append(states, stateOf(t, a))
			}
		}
		if outcomes[0] != outcomes[1] || outcomes[0].Status != StatusExportRefused || !strings.HasPrefix(outcomes[0].Reason, c.reason) {
			t.Errorf("%s: %+v, want %q", c.value, outcomes, c.reason)
		}
		if states[0] != states[1] || states[0] != states[2] || states[0] != states[3] {
			t.Errorf("%s: the replicas differ: %q", c.value, states)
		}
	}
}

// TestDamagedExportsMakeNoReplica: a file whose content is not what was exported, or
// which was changed after that, is refused, whatever the module makes of it.
func TestDamagedExportsMakeNoReplica(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles a Go guest")
	}
	b := newBench(t)
	a := b.applier(t, b.run(t, wasmtest.Slow(t), nil))
	applyTo(t, a, call1(0, 0, "add 7"))
	exportAt(t, a)
	content := captureBytes(t, a.TakeCapture(), nil)
	if _, err := b.restored(t, content); err != nil {
		t.Fatal(err)
	}
	for name, wrong := range map[string][]byte{
		"another value":              append(bytes.Clone(content[:len(content)-1]), '8'),
		"one that the restore fails": append(bytes.Clone(content[:len(content)-1]), "13"...),
		"one that it traps at":       append(bytes.Clone(content[:len(content)-1]), "14"...),
		"no number":                  append(bytes.Clone(content), 'x'),
		"nothing":                    content[:len(content)-1],
		"half a frame":               content[:30],
	} {
		if _, err := b.restored(t, wrong); !errors.Is(err, ErrSnapshotState) {
			t.Errorf("%s: %v", name, err)
		}
	}
	two := []io.Reader{bytes.NewReader(content), bytes.NewReader(content)}
	if _, err := RestoreApplier(t.Context(), 7, two, b.open, nil); !errors.Is(err, ErrSnapshotState) {
		t.Errorf("an export as an increment: %v", err)
	}
}

// export applies an export of a tower.
func (s *site) export(after raft.Index) (ExportOutcome, error) {
	s.t.Helper()
	got, err := s.put(exportCommand(s.t, after))
	if err != nil {
		return ExportOutcome{}, err
	}
	o, err := DecodeExportOutcome(got.Answer.Data)
	if err != nil || o.Status != got.Answer.Status {
		s.t.Fatalf("status %d, %q: %v", got.Answer.Status, got.Answer.Data, err)
	}
	return o, nil
}

// TestExportIsAllOrNothing: the state goes to a fresh instance of the same module with
// its version and the entry's time, or stays where it was, with the same words on every
// replica; trouble of this node is no outcome.
func TestExportIsAllOrNothing(t *testing.T) {
	for _, c := range []struct {
		module byte
		reason string
		after  string
	}{
		{'a', "", "12a<1@20>3a"},
		{'h', "", "13h"}, // it leaves all but a letter unread
		{'t', "the module does not take its state back: wraft_restore: status 5: no such state", "12t3t"},
		{'x', "the module does not export its state: wraft_snapshot: unreachable", "12x3x"},
		{'v', "the module does not say its version: wraft_version: out of fuel", "12v3v"},
		{'i', "a fresh instance does not start: _initialize: unreachable", "12i3i"},
	} {
		s := newSite(t, c.module)
		s.call("12")
		o, err := s.export(0)
		if err != nil || o.Index != 2 || o.Reason != c.reason || (o.Status == StatusExportRefused) != (c.reason != "") {
			t.Errorf("%c: %+v, %v", c.module, o, err)
		}
		if got := s.call("3"); got != c.after {
			t.Errorf("%c: afterwards %q, want %q", c.module, got, c.after)
		}
		if kept := s.applier.points.ready != nil; kept != (c.reason == "") || s.first.closed {
			t.Errorf("%c: capture %v, old instance closed %v", c.module, kept, s.first.closed)
		}
		if err := s.applier.Close(t.Context()); err != nil || s.first.closed == false {
			t.Errorf("%c: closed %v, %v", c.module, s.first.closed, err)
		}
	}
	for _, module := range []byte{'y', 'm', 'r'} {
		s := newSite(t, module)
		s.call("12")
		if o, err := s.export(0); err == nil || s.applier.LastExport().Index != 0 || s.applier.Applied() != 1 {
			t.Errorf("%c: %+v, %v: the trouble was taken for an outcome", module, o, err)
		}
	}
}

// TestExportOutOfPlace: of orders for the same reason the first counts; one among other
// commands, a malformed one, and one of a group that takes none change nothing; one for
// which the artefact is missing waits.
func TestExportOutOfPlace(t *testing.T) {
	s := newSite(t, 'a')
	if o, err := s.export(0); err != nil || o.Status != 0 || o.Index != 1 {
		t.Errorf("the first: %+v, %v", o, err)
	}
	for _, after := range []raft.Index{0, 2, 9} {
		if o, err := s.export(after); err != nil || o.Status != StatusExportStale || s.applier.LastExport().Index != 1 {
			t.Errorf("behind %d: %+v, %v", after, o, err)
		}
	}
	s.opener.missing['a'] = true
	var await *AwaitModuleError
	if _, err := s.export(1); !errors.As(err, &await) || await.Module != (Digest{'a'}) || await.Index != 5 || s.applier.Applied() != 4 {
		t.Errorf("without the artefact: %v", err)
	}
	s.opener.missing['a'] = false
	if o, err := s.export(1); err != nil || o.Status != 0 || o.Index != 5 {
		t.Errorf("when it has come: %+v, %v", o, err)
	}
	if len(s.opener.opened) != 2 {
		t.Errorf("%d instances were opened", len(s.opener.opened))
	}
	good := exportCommand(t, 5)
	if got, err := s.put(good, call1(0, 0, "1")); err != nil || got.Answer.Status != plugins.StatusMalformed {
		t.Errorf("among others: %+v, %v", got, err)
	}
	if got, err := s.put(Command{Kind: CommandExport, Data: []byte("nonsense")}); err != nil || got.Answer.Status != plugins.StatusMalformed {
		t.Errorf("nonsense: %+v, %v", got, err)
	}
	s.applier.upgrades = upgrades{}
	if got, err := s.put(good); err != nil || got.Answer.Status != plugins.StatusMalformed {
		t.Errorf("in a group without exports: %+v, %v", got, err)
	}
	if len(s.opener.opened) != 2 {
		t.Errorf("%d instances were opened", len(s.opener.opened))
	}
}

// TestExportIsWrittenAsItCrossed: what is exported once more for the file must be what
// the others took over.
func TestExportIsWrittenAsItCrossed(t *testing.T) {
	s := newSite(t, 'a')
	s.call("12")
	if _, err := s.export(0); err != nil {
		t.Fatal(err)
	}
	c := s.applier.TakeCapture()
	s.first.text = "13a" // a bit of memory flips
	if _, err := c.WriteTo(io.Discard); !errors.Is(err, plugins.ErrDamaged) {
		t.Errorf("written although it changed: %v", err)
	}
	c.Close()
	if !s.first.closed {
		t.Error("the old instance is not closed")
	}
}

// TestExportsAreDueBehindPoints: a point asks for an export until one is applied; while
// one is being written none is asked for; when none has come by the next point an image
// is taken; without the mode there are images only.
func TestExportsAreDueBehindPoints(t *testing.T) {
	s := newSite(t, 'a')
	s.first.recorded = true
	a := s.applier
	a.TakeSnapshots(SnapshotPolicy{LogBytes: 200})
	a.SnapshotByExport(true)
	due := func() (raft.Index, bool) {
		c, ok := a.ExportDue()
		var o ExportOrder
		if err := batchDecoding.Unmarshal(c.Data, &o); ok && err != nil {
			t.Fatal(err)
		}
		return o.After, ok
	}
	upTo := func(what string, ok func() bool) {
		t.Helper()
		for range 30 {
			if ok() {
				return
			}
			s.call("1")
		}
		t.Fatalf("never: %s", what)
	}
	isDue := func() bool { _, ok := due(); return ok }
	kind := func() string {
		c := a.TakeCapture()
		if c == nil {
			return ""
		}
		defer c.Close()
		return c.Kind()
	}
	upTo("an export is due", isDue)
	if a.TakeCapture() != nil {
		t.Error("an image at a point that asks for an export")
	}
	if _, err := s.export(0); err != nil || isDue() || kind() != "export/1" {
		t.Errorf("the export: %v, due %v", err, isDue())
	}
	s.opener.opened[0].recorded = true
	first := a.LastExport().Index
	upTo("the next one is due", isDue)
	if after, _ := due(); after != first {
		t.Errorf("the next one is due behind %d, want %d", after, first)
	}
	upTo("an image, because no export came", func() bool { return kind() == "state/1" })
	if !isDue() {
		t.Error("the export is due no more")
	}
	a.HoldSnapshots(true)
	if isDue() {
		t.Error("an export is asked for while a snapshot is being written")
	}
	if _, err := s.export(first); err != nil || a.TakeCapture() != nil || !s.opener.opened[0].closed {
		t.Errorf("an export while a snapshot is being written: %v", err)
	}
	a.HoldSnapshots(false)
	s.opener.opened[1].recorded = true
	upTo("due again", isDue)
	a.SnapshotByExport(false)
	if isDue() {
		t.Error("due in the other mode")
	}
	upTo("an image in the other mode", func() bool { return kind() == "state/1" })
	if _, err := s.export(a.LastExport().Index); err != nil || kind() != "export/1" {
		t.Errorf("the log has an export, whatever this replica knows of the mode: %v", err)
	}
}

// TestExportBytes pins the encoding of docs/FORMAT.md.
func TestExportBytes(t *testing.T) {
	if got := fmt.Sprintf("%d %x", exportCommand(t, 300).Kind, exportCommand(t, 300).Data); got != "4 8119012c" {
		t.Errorf("an order is %s", got)
	}
	data, err := encodeUpgrade(ExportOutcome{Index: 9, Status: StatusExportRefused, Reason: "no"})
	if got := fmt.Sprintf("%x", data); err != nil || got != "83093870626e6f" {
		t.Errorf("an outcome is %s, %v", got, err)
	}
}
