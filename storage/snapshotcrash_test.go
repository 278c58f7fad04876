package storage

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// snapshotStep is what must be true of the snapshots behind a step of the script.
type snapshotStep struct {
	have  []SnapshotFile // acknowledged, and not removed by this step or one before
	maybe []SnapshotFile // what else may be there
}

// snapshotScript writes whole files and increments, receives one in pieces, with a
// restart in between, condemns one and cleans up. It returns what holds behind every step.
func snapshotScript(t *testing.T, r *crashRecorder, file SnapshotFile, sent []byte) []snapshotStep {
	open := func() *Store {
		s, err := Open(testDir, testOptions(t, r.fs()))
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	s, now := open(), snapshotStep{}
	steps := []snapshotStep{now}
	step := func(next snapshotStep, f func() error) {
		next.have, next.maybe = slices.Clone(next.have), slices.Clone(next.maybe)
		steps = append(steps, next)
		r.begin(len(steps) - 1)
		if err := f(); err != nil {
			t.Fatal(err)
		}
		now = next
		r.durable(len(steps) - 1)
	}
	write := func(h SnapshotHeader, size int) (f SnapshotFile) {
		content := contentOf(uint64(h.Meta.Index), size)
		scratch := mustOpen(t, vfs.NewMem())
		f = mustSnapshot(t, scratch, h, content)
		next := now
		next.have = append(slices.Clone(next.have), f)
		step(next, func() error { _, err := writeSnapshot(s, h, content); return err })
		return f
	}
	one := write(snapshotAt(1, Digest{}), 300<<10)
	two := write(snapshotAt(2, one.Digest), 100)
	three := write(snapshotAt(3, Digest{}), 1000)
	step(now, func() error { // Why no new state: what is there may grow
		if err := receiveSome(s, file, sent, len(sent)/2); err != nil {
			return err
		}
		return s.Close()
	})
	s = open()
	step(now, func() error { return receiveSome(s, file, sent, len(sent)) })
	next := now
	next.have, next.maybe = append(slices.Clone(now.have), file), nil
	step(next, func() error { return finishReceive(s, file) })
	gone := now
	gone.have, gone.maybe = []SnapshotFile{three, file}, []SnapshotFile{one, two}
	step(gone, func() error { _, err := s.Snapshots().Retain(7, three, file); return err })
	mustClose(t, s)
	r.mu.Lock()
	r.off = true
	r.mu.Unlock()
	return steps
}

// receiveSome receives up to a part of the file.
func receiveSome(s *Store, file SnapshotFile, sent []byte, upTo int) error {
	r, err := s.Snapshots().Receive(file)
	if err != nil {
		return err
	}
	defer r.Close()
	from := int(r.Offset())
	if from >= upTo {
		return nil
	}
	if _, err = r.ReadFrom(&cutReader{bytes.NewReader(sent[from:]), upTo - from}); errors.Is(err, errCut) {
		err = nil
	}
	return err
}

func finishReceive(s *Store, file SnapshotFile) error {
	r, err := s.Snapshots().Receive(file)
	if err != nil {
		return err
	}
	_, err = r.Finish()
	return err
}

// TestSnapshotsAtAnyCrashPoint cuts the power before every operation on the disk. What
// was acknowledged is there and sound, nothing is there that is not sound, every
// increment has what it rests on, and the transfer can be finished.
func TestSnapshotsAtAnyCrashPoint(t *testing.T) {
	file, sent := sentSnapshot(t, contentOf(5, 600<<10))
	for name, leave := range map[string]func(*vfs.MemFS, int) *vfs.MemFS{
		"only what was synced": func(disk *vfs.MemFS, _ int) *vfs.MemFS { return crashClone(disk, false) },
		"all that was written": func(disk *vfs.MemFS, _ int) *vfs.MemFS { return crashClone(disk, true) },
		"torn files":           func(disk *vfs.MemFS, n int) *vfs.MemFS { return tearSnapshots(t, crashClone(disk, true), uint64(n)) },
	} {
		t.Run(name, func(t *testing.T) {
			r := &crashRecorder{disk: vfs.NewCrashableMem(), leave: leave}
			steps := snapshotScript(t, r, file, sent)
			if len(r.points) < 60 {
				t.Fatalf("only %d crash points", len(r.points))
			}
			t.Logf("%d crash points", len(r.points))
			for _, p := range r.points {
				if err := checkSnapshots(t, p, steps, file, sent); err != nil {
					t.Fatalf("crash before %s: %v", p.op, err)
				}
			}
		})
	}
}

// tearSnapshots cuts the files that do not have a snapshot's name yet: those were not
// synced for sure.
func tearSnapshots(t *testing.T, disk *vfs.MemFS, seed uint64) *vfs.MemFS {
	folder := disk.PathJoin(testDir, snapshotsName, "7")
	names, err := disk.List(folder)
	if err != nil {
		return disk // it is not there yet
	}
	rng := rand.New(rand.NewPCG(seed, 3))
	for _, name := range names {
		if _, whole := parseSnapshotName(7, name, snapshotSuffix); whole {
			continue
		}
		path := disk.PathJoin(folder, name)
		content := mustRead(t, disk, path)
		content = content[:rng.IntN(len(content)+1)]
		clear(content[rng.IntN(len(content)+1):])
		mustWrite(t, disk, path, content)
	}
	return disk
}

// checkSnapshots opens what a crash left.
func checkSnapshots(t *testing.T, p crashPoint, steps []snapshotStep, file SnapshotFile, sent []byte) error {
	s, err := Open(testDir, testOptions(t, p.fs))
	if err != nil {
		return err
	}
	defer s.Close()
	files, err := s.Snapshots().List(7)
	if err != nil {
		return err
	}
	for _, f := range files {
		if _, err := s.Snapshots().Verify(f); err != nil {
			return err
		}
		if _, err := s.Snapshots().Chain(f); err != nil {
			return err
		}
	}
	allowed := map[SnapshotFile]bool{}
	for _, state := range steps[p.steps : p.performed+1] {
		for _, f := range slices.Concat(state.have, state.maybe) {
			allowed[f] = true
		}
	}
	for _, must := range steps[p.steps].have {
		if kept := slices.Contains(steps[p.performed].have, must); kept && !slices.Contains(files, must) {
			return fmt.Errorf("%v was acknowledged and is not among %v", must, files)
		}
	}
	for _, f := range files {
		if !allowed[f] {
			return fmt.Errorf("%v is there, allowed were %v", f, slices.Collect(maps.Keys(allowed)))
		}
	}
	if err := receiveSome(s, file, sent, len(sent)); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("the transfer does not go on: %w", err)
	}
	if err := finishReceive(s, file); err != nil {
		return fmt.Errorf("the transfer does not finish: %w", err)
	}
	_, err = s.Snapshots().Verify(file)
	return err
}
