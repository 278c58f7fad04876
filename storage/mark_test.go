package storage

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/wraft/wraft/raft"
)

// TestMarkFormat pins the examples of docs/FORMAT.md.
func TestMarkFormat(t *testing.T) {
	if got := hex.EncodeToString(markSlot{boot: 3, sequence: 300}.encode()); got != "a3d0d4900103000000000000002c01000000000000" {
		t.Errorf("a slot is %s", got)
	}
	if got := hex.EncodeToString(appendVote(nil, 1, vote{term: 5, node: 2})); got != "3b75c498010000000000000005000000000000000200000000000000" {
		t.Errorf("a vote is %s", got)
	}
}

// cutLog takes the last synced batches off the log, as rot in the last of them does.
func cutLog(t *testing.T, fs *vfs.MemFS) {
	t.Helper()
	for path, size := range filesOf(t, fs, ".log") {
		if size > 0 {
			content := mustRead(t, fs, path)
			mustWrite(t, fs, path, content[:len(content)-4])
		}
	}
}

// TestALogCutWithinWhatWasAcknowledgedIsReported: the replica keeps what is sound and
// is damaged until a write says that it is healed, over restarts.
func TestALogCutWithinWhatWasAcknowledgedIsReported(t *testing.T) {
	fs := vfs.NewCrashableMem()
	s := mustOpen(t, fs)
	mustCreate(t, s, 1)
	mustCommit(t, s, appendWrite(1, 1, commands(1, 1, 3)))
	mustCommit(t, s, appendWrite(1, 4, commands(4, 4, 3)))
	disk := crashClone(fs, true)
	cutLog(t, disk)
	for range 2 {
		s := mustOpen(t, disk)
		got := mustRestore(t, s, 1)
		if !got.Damaged || got.LastIndex != 3 || got.HardState.Term != 4 {
			t.Fatalf("a store that lost its last batch restores %+v", got)
		}
		disk = crashClone(disk, false)
	}
	s = mustOpen(t, disk)
	mustRestore(t, s, 1)
	mustCommit(t, s, GroupWrite{1, raft.Write{Entries: commands(4, 4, 3), Healed: true, Sync: true}})
	if got := mustRestore(t, mustOpen(t, crashClone(disk, false)), 1); got.Damaged || got.LastIndex != 6 {
		t.Fatalf("a store that was healed restores %+v", got)
	}
}

// TestWithoutASecondCopyDamageIsFinal: what the replica promised is not known then.
func TestWithoutASecondCopyDamageIsFinal(t *testing.T) {
	fs := vfs.NewCrashableMem()
	s := mustOpen(t, fs)
	mustCreate(t, s, 1)
	mustBootstrap(t, s, testIdentity, "d")
	mustCommit(t, s, appendWrite(1, 1, commands(1, 1, 3)))
	disk := crashClone(fs, true)
	cutLog(t, disk)
	if err := flip(disk, s.dir.join(votesName), 8*(voteBytes+5)); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := Open(testDir, testOptions(t, disk)); !errors.Is(err, ErrDamaged) {
			t.Fatalf("without log and votes it opens with %v, want damage", err)
		}
	}
}

// TestALostPebbleIsBegunAnew: the node is who it was and keeps its promises, and each
// replica is damaged from its creation on.
func TestALostPebbleIsBegunAnew(t *testing.T) {
	for name, lose := range map[string]func(d directory) error{
		"removed": func(d directory) error { return d.fs.RemoveAll(d.join(pebbleName)) },
		"manifest rotten": func(d directory) error {
			names, err := d.fs.List(d.join(pebbleName))
			for _, name := range names {
				if strings.HasPrefix(name, "MANIFEST") {
					err = errors.Join(err, flip(d.fs, d.fs.PathJoin(d.join(pebbleName), name), 100))
				}
			}
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			fs := vfs.NewCrashableMem()
			s := mustOpen(t, fs)
			mustCreate(t, s, 1)
			mustBootstrap(t, s, testIdentity, "d")
			mustCommit(t, s, GroupWrite{1, raft.Write{HardState: &raft.HardState{Term: 3, Vote: 2}, Entries: commands(1, 1, 3), Sync: true}})
			mustClose(t, s)
			if err := lose(s.dir); err != nil {
				t.Fatal(err)
			}
			again := mustOpen(t, fs)
			if id, ok := again.Identity(); !ok || id != testIdentity || again.Boot() != 2 {
				t.Fatalf("identity %v, %v in boot %d", id, ok, again.Boot())
			}
			disk := crashClone(fs, false) // before the group is there
			again = mustOpen(t, disk)
			mustCreate(t, again, 2)
			if got := mustRestore(t, again, 1); !got.Damaged || got.LastIndex != 0 || got.HardState != (raft.HardState{Term: 3, Vote: 2}) {
				t.Fatalf("a replica whose log is lost restores %+v", got)
			}
			if got := mustRestore(t, again, 2); got.Damaged {
				t.Fatalf("a new group restores %+v", got)
			}
			if got := mustRestore(t, mustOpen(t, crashClone(disk, false)), 1); !got.Damaged {
				t.Fatalf("the second start restores %+v", got)
			}
		})
	}
}

func TestAnUnsyncedEndIsCut(t *testing.T) {
	fs := vfs.NewCrashableMem()
	s := mustOpen(t, fs)
	mustCreate(t, s, 1)
	mustCommit(t, s, appendWrite(1, 1, commands(1, 1, 3)))
	mustCommit(t, s, GroupWrite{1, raft.Write{HardState: &raft.HardState{Term: 1, Commit: 3}}})
	disk := tear(t, crashClone(fs, false), crashClone(fs, true), newChance(1))
	if got := mustRestore(t, mustOpen(t, disk), 1); got.LastIndex != 3 {
		t.Fatalf("the log ends at %d, want 3", got.LastIndex)
	}
}

// TestTheMarkFollowsWithinItsDelay: a power loss a little later finds the mark of
// everything that was acknowledged.
func TestTheMarkFollowsWithinItsDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fs := vfs.NewCrashableMem()
		s := mustOpen(t, fs)
		mustCreate(t, s, 1)
		for i := raft.Index(1); i <= 20; i++ {
			mustCommit(t, s, appendWrite(1, 1, commands(i, 1, 1)))
			if m, _, err := readMark(s.dir); err != nil || m.sequence != s.sequence {
				t.Fatalf("the mark says %d, %v behind batch %d", m.sequence, err, s.sequence)
			}
		}
		time.Sleep(markSyncDelay)
		synctest.Wait()
		m, whole, err := readMark(directory{fs: crashClone(fs, false), path: testDir})
		if err != nil || !whole || m != (markSlot{boot: 1, sequence: s.sequence}) {
			t.Fatalf("after a power loss the mark says %+v, %v, %v; want batch %d", m, whole, err, s.sequence)
		}
		mustClose(t, s)
	})
}

func TestTheMarkCostsNoSyncOfABatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var syncs, marks atomic.Int64
		fs := errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
			if isSync(op) {
				syncs.Add(1)
				if strings.HasSuffix(op.Path, markName) {
					marks.Add(1)
				}
			}
			return nil
		}))
		s := mustOpen(t, fs)
		mustCreate(t, s, 1)
		mustCommit(t, s, appendWrite(1, 1, commands(1, 1, 1)))
		time.Sleep(time.Second)
		synctest.Wait()
		before, beforeMarks := syncs.Load(), marks.Load()
		const batches = 100 // in no time at all, by this clock
		for i := range raft.Index(batches) {
			mustCommit(t, s, GroupWrite{1, raft.Write{Entries: commands(i+2, 1, 1), Sync: true}})
		}
		if n := syncs.Load() - before; n != batches {
			t.Fatalf("%d syncs for %d batches", n, batches)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if n := marks.Load() - beforeMarks; n != 1 {
			t.Fatalf("%d syncs of the mark behind them, want 1", n)
		}
		mustClose(t, s)
	})
}

func TestEveryFlippedBitOfAMarkIsHarmless(t *testing.T) {
	fs := vfs.NewCrashableMem()
	s := mustOpen(t, fs)
	mustCreate(t, s, 1)
	mustCommit(t, s, appendWrite(1, 1, commands(1, 1, 3)))
	path := s.dir.join(markName)
	var bits []int64
	for bit := range int64(markSlotBytes * 8) {
		bits = append(bits, bit, bit+markSlotOffset*8)
	}
	for _, bit := range bits {
		disk := crashClone(fs, true)
		if err := flip(disk, path, bit); err != nil {
			t.Fatal(err)
		}
		if m, _, err := readMark(directory{fs: disk, path: testDir}); err != nil || m.sequence > s.sequence {
			t.Fatalf("bit %d: the mark says %+v, %v, but only %d was acknowledged", bit, m, err, s.sequence)
		}
		again := mustOpen(t, disk)
		mustRestore(t, again, 1)
		mustClose(t, again)
	}
}

// TestTermAndVoteHaveASecondCopy: what a replica promised is known though the store
// lost it.
func TestTermAndVoteHaveASecondCopy(t *testing.T) {
	fs := vfs.NewCrashableMem()
	s := mustOpen(t, fs)
	mustCreate(t, s, 2)
	for term := raft.Term(1); term <= 3; term++ {
		hs := raft.HardState{Term: term, Vote: raft.NodeID(term)}
		mustCommit(t, s, GroupWrite{1, raft.Write{HardState: &hs, Sync: true}}, GroupWrite{2, raft.Write{HardState: &hs, Sync: true}})
	}
	if err := s.DeleteGroup(2); err != nil {
		t.Fatal(err)
	}
	known, whole, err := readVotes(directory{fs: crashClone(fs, false), path: testDir})
	if err != nil || !whole || len(known) != 2 || known[1] != (vote{3, 3}) || known[0].term != 1 {
		t.Fatalf("the copy says %v, %v, %v", known, whole, err)
	}
}

func TestEveryFlippedBitOfAVoteIsFoundAndHealed(t *testing.T) {
	fs := vfs.NewCrashableMem()
	s := mustOpen(t, fs)
	mustCreate(t, s, 1)
	for term := raft.Term(1); term <= 3; term++ {
		mustCommit(t, s, GroupWrite{1, raft.Write{HardState: &raft.HardState{Term: term, Vote: 2}, Sync: true}})
	}
	path := s.dir.join(votesName)
	content := mustRead(t, fs, path)
	for bit := int64(0); bit < int64(len(content)*8); bit += 3 {
		disk := crashClone(fs, true)
		if err := flip(disk, path, bit); err != nil {
			t.Fatal(err)
		}
		d := directory{fs: disk, path: testDir}
		if known, whole, err := readVotes(d); err != nil || whole {
			t.Fatalf("bit %d: the copy says %v, %v, %v", bit, known, whole, err)
		}
		again := mustOpen(t, disk)
		if hs := mustRestore(t, again, 1).HardState; hs != (raft.HardState{Term: 3, Vote: 2}) {
			t.Fatalf("bit %d: the hard state is %+v", bit, hs)
		}
		mustClose(t, again)
		if known, whole, err := readVotes(d); err != nil || !whole || known[1] != (vote{3, 2}) {
			t.Fatalf("bit %d: healed, the copy says %v, %v, %v", bit, known, whole, err)
		}
	}
}

func TestTheVotesFileStaysShort(t *testing.T) {
	s := mustOpen(t, vfs.NewMem())
	mustCreate(t, s, 1)
	for i := range uint64(3 * votesBytesMax / voteBytes / 100) {
		var news []voteRecord
		for j := range uint64(100) {
			news = append(news, voteRecord{1, vote{term: raft.Term(i*100 + j + 1), node: 1}})
		}
		if err := s.votes.add(news); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(mustRead(t, s.dir.fs, s.dir.join(votesName))); n > votesBytesMax {
		t.Fatalf("the file has grown to %d bytes", n)
	}
	if known, whole, err := readVotes(s.dir); err != nil || !whole || known[1] != s.votes.of(1) {
		t.Fatalf("the file says %v, %v, %v; want %v", known, whole, err, s.votes.of(1))
	}
}

func TestAFailingCopyIsFinal(t *testing.T) {
	for name, suffix := range map[string]string{"mark": markName, "votes": votesName} {
		t.Run(name, func(t *testing.T) {
			disk := newFaultyDisk(func(op errorfs.Op) bool {
				return strings.HasSuffix(op.Path, suffix) && op.Kind == errorfs.OpFileWriteAt
			})
			var heard atomic.Int64
			s, err := Open(testDir, Options{FS: disk, Fatal: func(error) { heard.Add(1) }})
			if err != nil {
				t.Fatal(err)
			}
			mustCreate(t, s, 1)
			disk.on.Store(true)
			err = s.Commit([]GroupWrite{appendWrite(1, 1, commands(1, 1, 1))})
			if err == nil || heard.Load() != 1 || !errors.Is(s.usable(), ErrFailed) {
				t.Fatalf("Commit: %v; Fatal was called %d times; afterwards %v", err, heard.Load(), s.usable())
			}
			disk.on.Store(false)
			_ = s.Close() // what it returns is of no interest
		})
	}
}

func TestBootsAscendThoughTheStoreIsBehind(t *testing.T) {
	fs := vfs.NewMem()
	for range 3 {
		mustClose(t, mustOpen(t, fs))
	}
	d := directory{fs: fs, path: testDir}
	if err := d.write(markName, bytes.Repeat([]byte{0}, 10)); err != nil {
		t.Fatal(err)
	}
	if err := fs.RemoveAll(d.join(pebbleName)); err != nil {
		t.Fatal(err)
	}
	s := mustOpen(t, fs) // nobody's yet, so that losing everything is no damage
	if s.Boot() != 4 {
		t.Fatalf("boot %d after three others", s.Boot())
	}
}
