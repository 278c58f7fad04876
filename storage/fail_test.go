package storage

import (
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/wraft/wraft/raft"
)

// faultyDisk fails the operations that match, once it is switched on.
type faultyDisk struct {
	vfs.FS
	on     atomic.Bool
	failed atomic.Int64
}

func newFaultyDisk(match func(errorfs.Op) bool) *faultyDisk {
	d := &faultyDisk{}
	d.FS = errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		if d.on.Load() && match(op) {
			d.failed.Add(1)
			return errorfs.ErrInjected
		}
		return nil
	}))
	return d
}

func isSync(op errorfs.Op) bool {
	return op.Kind == errorfs.OpFileSync || op.Kind == errorfs.OpFileSyncData || op.Kind == errorfs.OpFileSyncTo
}

func isWrite(op errorfs.Op) bool { return op.Kind == errorfs.OpFileWrite }

func inLog(f func(errorfs.Op) bool) func(errorfs.Op) bool {
	return func(op errorfs.Op) bool { return strings.HasSuffix(op.Path, ".log") && f(op) }
}

func TestAFailedWriteIsFinal(t *testing.T) {
	for name, match := range map[string]func(errorfs.Op) bool{
		"sync of the log": inLog(isSync), "write of the log": inLog(isWrite),
	} {
		t.Run(name, func(t *testing.T) {
			disk := newFaultyDisk(match)
			var fatal atomic.Int64
			s, err := Open(testDir, Options{FS: disk, Fatal: func(error) { fatal.Add(1) }})
			if err != nil {
				t.Fatal(err)
			}
			mustCreate(t, s, 1)
			mustBootstrap(t, s, testIdentity, "d")
			mustCommit(t, s, appendWrite(1, 1, commands(1, 1, 1)))

			disk.on.Store(true)
			if err := s.Commit([]GroupWrite{appendWrite(1, 1, commands(2, 1, 1))}); !errors.Is(err, ErrFailed) {
				t.Fatalf("Commit on a failing disk: %v", err)
			}
			disk.on.Store(false) // it works again; nobody may believe it
			if disk.failed.Load() == 0 {
				t.Fatal("the disk did not fail")
			}
			for call, err := range everyCall(s) {
				if !errors.Is(err, ErrFailed) {
					t.Errorf("%s after the failure: %v, want ErrFailed", call, err)
				}
			}
			if n := fatal.Load(); n != 1 {
				t.Fatalf("Fatal was called %d times, want once", n)
			}
			_ = s.Close() // it must return; what it returns is up to Pebble
		})
	}
}

func TestFatalHearsTheFirstFailureOnly(t *testing.T) {
	var heard []error
	s, err := Open(testDir, Options{FS: vfs.NewMem(), Fatal: func(err error) { heard = append(heard, err) }})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	first, second := errors.New("first"), errors.New("second")
	s.fail(first) // as the log writer and a flush may do on the same disk
	s.fail(second)
	if len(heard) != 1 || heard[0] != first {
		t.Fatalf("Fatal heard %v, want the first failure once", heard)
	}
	if err := s.usable(); !errors.Is(err, first) || errors.Is(err, second) {
		t.Fatalf("later calls answer %v, want the first failure", err)
	}
}

// everyCall makes each call that a failed or closed store must refuse.
func everyCall(s *Store) map[string]error {
	_, groups := s.Groups()
	_, restore := s.Restore(1)
	_, entries := s.Entries(1, 1, 2, 1)
	return map[string]error{
		"Commit":      s.Commit([]GroupWrite{appendWrite(1, 1, commands(2, 1, 1))}),
		"empty":       s.Commit(nil),
		"CreateGroup": s.CreateGroup(9, testMeta),
		"DeleteGroup": s.DeleteGroup(1),
		"Bootstrap":   s.Bootstrap(testIdentity, "d"),
		"Put":         s.Modules().Put(Digest{}, strings.NewReader(""), 1),
		"Groups":      groups, "Restore": restore, "Entries": entries,
	}
}

func TestAClosedStoreRefuses(t *testing.T) {
	s := mustOpen(t, vfs.NewMem())
	mustCreate(t, s, 1)
	mustClose(t, s)
	for call, err := range everyCall(s) {
		if !errors.Is(err, ErrClosed) {
			t.Errorf("%s after Close: %v, want ErrClosed", call, err)
		}
	}
	if err := s.Close(); !errors.Is(err, ErrClosed) {
		t.Errorf("the second Close: %v", err)
	}
}

func TestAFailedFlushIsFinal(t *testing.T) {
	disk := newFaultyDisk(func(op errorfs.Op) bool { return strings.HasSuffix(op.Path, ".sst") && isWrite(op) })
	failed := make(chan error, 1)
	s, err := Open(testDir, Options{FS: disk, Fatal: func(err error) { failed <- err }})
	if err != nil {
		t.Fatal(err)
	}
	mustCreate(t, s, 1)
	mustCommit(t, s, appendWrite(1, 1, commands(1, 1, 100)))
	disk.on.Store(true)
	if _, err := s.db.AsyncFlush(); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-failed:
		if !strings.Contains(err.Error(), "flush") {
			t.Fatalf("Fatal heard of %v", err)
		}
	case <-time.After(time.Minute):
		t.Fatal("Fatal did not hear of the failed flush")
	}
	if err := s.Commit(nil); !errors.Is(err, ErrFailed) {
		t.Fatalf("afterwards: %v", err)
	}
	disk.on.Store(false)
	_ = s.Close()
}

func TestAnUnsyncedWriteNeedsNoDisk(t *testing.T) {
	disk := newFaultyDisk(inLog(isSync))
	var fatal atomic.Int64
	s, err := Open(testDir, Options{FS: disk, Fatal: func(error) { fatal.Add(1) }})
	if err != nil {
		t.Fatal(err)
	}
	mustCreate(t, s, 1)
	mustCommit(t, s, appendWrite(1, 1, commands(1, 1, 3)))
	disk.on.Store(true)
	hint := raft.Write{HardState: &raft.HardState{Term: 1, Commit: 3}}
	if err := s.Commit([]GroupWrite{{1, hint}}); err != nil || fatal.Load() != 0 {
		t.Fatalf("a commit hint waited for the disk: %v", err)
	}
	// A write without content that asks for a sync gets one.
	if err := s.Commit([]GroupWrite{{1, raft.Write{Sync: true}}}); !errors.Is(err, ErrFailed) || fatal.Load() != 1 {
		t.Fatalf("an empty write with a sync: %v", err)
	}
	disk.on.Store(false)
	_ = s.Close()
}

func TestOneSyncForAllGroups(t *testing.T) {
	var syncs atomic.Int64
	fs := errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		if inLog(isSync)(op) {
			syncs.Add(1)
		}
		return nil
	}))
	s := mustOpen(t, fs)
	const groups = 64
	mustCreate(t, s, groups)
	var ws []GroupWrite
	for g := raft.GroupID(1); g <= groups; g++ {
		ws = append(ws, appendWrite(g, 1, commands(1, 1, 3)))
	}
	before, metrics := syncs.Load(), s.Metrics()
	mustCommit(t, s, ws...)
	if n := syncs.Load() - before; n != 1 {
		t.Fatalf("%d syncs for one Commit, want 1", n)
	}
	after := s.Metrics()
	if after.Syncs-metrics.Syncs != 1 || after.Batches-metrics.Batches != 1 || after.Entries-metrics.Entries != 3*groups {
		t.Fatalf("metrics went from %+v to %+v", metrics, after)
	}
}
