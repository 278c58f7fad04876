package storage

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/wraft/wraft/raft"
)

// tamper changes one value below the store's back.
func tamper(t testing.TB, s *Store, key, value []byte) {
	t.Helper()
	var err error
	if value == nil {
		err = s.db.Delete(key, pebble.Sync)
	} else {
		err = s.db.Set(key, value, pebble.Sync)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// mustGet reads one value below the store's back.
func mustGet(t testing.TB, s *Store, key []byte) []byte {
	t.Helper()
	v, err := s.get(key)
	if err != nil || v == nil {
		t.Fatalf("get %x: %v", key, err)
	}
	return v
}

// twoLogs is a store with 10 entries in groups 1 and 2, alike but for the group,
// of term 1 up to 5 and term 2 from 6 on; 4 are committed.
func twoLogs(t testing.TB) *Store {
	t.Helper()
	s := mustOpen(t, vfs.NewMem())
	mustCreate(t, s, 2)
	for g := raft.GroupID(1); g <= 2; g++ {
		mustCommit(t, s, GroupWrite{g, raft.Write{
			HardState: &raft.HardState{Term: 2, Vote: 3, Commit: 4},
			Entries:   append(commands(1, 1, 5), commands(6, 2, 5)...), Sync: true}})
	}
	return s
}

func TestEveryFlippedBitOfAnEntryIsFound(t *testing.T) {
	s := twoLogs(t)
	key := entryKey(1, 7)
	value := mustGet(t, s, key)
	for bit := range len(value) * 8 {
		rotten := bytes.Clone(value)
		rotten[bit/8] ^= 1 << (bit % 8)
		tamper(t, s, key, rotten)
		_, err := s.Restore(1)
		wantDamage(t, err, 1, 7)
		_, err = s.Entries(1, 7, 8, 1)
		wantDamage(t, err, 1, 7)
		_, err = s.Entries(1, 8, 9, 1) // it cannot vouch for 8 either
		wantDamage(t, err, 1, 7)
	}
	if got, err := s.Entries(1, 2, 7, 1<<20); err != nil || len(got) != 5 {
		t.Fatalf("the entries before: %d, %v", len(got), err)
	}
	tamper(t, s, key, value)
	mustRestore(t, s, 1)
}

func TestEveryFlippedBitOfARecordIsFound(t *testing.T) {
	fs := vfs.NewMem()
	s := mustOpen(t, fs)
	mustCreate(t, s, 1)
	mustBootstrap(t, s, testIdentity, "d1")
	mustCommit(t, s, appendWrite(1, 1, commands(1, 1, 2)))
	mustCommit(t, s, GroupWrite{1, raft.Write{
		HardState: &raft.HardState{Term: 1, Commit: 1}, CompactTo: 1, Sync: true,
		Snapshot: &raft.SnapshotMeta{Index: 1, Term: 1, Configuration: testMeta.Configuration},
	}})
	tamper(t, s, groupKey(keyPrefixDamage, 1), numberRecord(1))
	mustClose(t, s)
	for name, key := range map[string][]byte{
		"hard state": groupKey(keyPrefixHardState, 1), "base": groupKey(keyPrefixGroup, 1),
		"start":    groupKey(keyPrefixStart, 1),
		"identity": keyIdentity, "boot": keyBoot, "batch number": keySequence, "damage": groupKey(keyPrefixDamage, 1),
	} {
		t.Run(name, func(t *testing.T) {
			s := mustOpen(t, fs)
			value := mustGet(t, s, key)
			for bit := range len(value) * 8 {
				rotten := bytes.Clone(value)
				rotten[bit/8] ^= 1 << (bit % 8)
				tamper(t, s, key, rotten)
				fresh := &Store{dir: s.dir, db: s.db, clock: s.clock, groups: map[raft.GroupID]*group{}, votes: s.votes}
				err := errors.Join(fresh.loadIdentity(&copies{}), fresh.loadGroups())
				if err == nil {
					_, _, err = fresh.number(keyBoot, "boot counter")
				}
				if err == nil {
					_, _, err = fresh.number(keySequence, "batch number")
				}
				if err == nil {
					_, err = fresh.restore(fresh.groups[1])
				}
				if !errors.Is(err, ErrDamaged) {
					t.Fatalf("bit %d: got %v", bit, err)
				}
			}
			tamper(t, s, key, value)
			mustClose(t, s)
		})
	}
}

func TestRestoreNamesTheFirstEntryThatLies(t *testing.T) {
	forged := func(e raft.Entry, prev chain) []byte {
		b := make([]byte, entryValueBytes(&e))
		putEntry(b, &e, prev)
		return b
	}
	chainOf := func(s *Store, i raft.Index) chain {
		stored, err := decodeEntry(mustGet(t, s, entryKey(1, i)))
		if err != nil {
			t.Fatal(err)
		}
		return stored.chain
	}
	cases := map[string]struct {
		tamper func(s *Store)
		index  raft.Index
	}{
		"missing in the middle": {func(s *Store) { tamper(t, s, entryKey(1, 4), nil) }, 4},
		"missing at the start":  {func(s *Store) { tamper(t, s, entryKey(1, 1), nil) }, 1},
		"shorter than what was committed": {func(s *Store) {
			if err := s.db.DeleteRange(entryKey(1, 3), entryKeysEnd(1), pebble.Sync); err != nil {
				t.Fatal(err)
			}
		}, 3},
		"all lost": {func(s *Store) {
			if err := s.db.DeleteRange(entryKey(1, 0), entryKeysEnd(1), pebble.Sync); err != nil {
				t.Fatal(err)
			}
		}, 1},
		"of another group": {func(s *Store) { tamper(t, s, entryKey(1, 6), mustGet(t, s, entryKey(2, 6))) }, 6},
		"of another index": {func(s *Store) { tamper(t, s, entryKey(1, 6), mustGet(t, s, entryKey(1, 5))) }, 6},
		"from before a truncation": {func(s *Store) {
			e := commands(6, 2, 1)[0]
			e.Data = []byte("what stood here first")
			tamper(t, s, entryKey(1, 6), forged(e, chainOf(s, 5)))
		}, 7},
		"term goes back": {func(s *Store) {
			tamper(t, s, entryKey(1, 10), forged(commands(10, 1, 1)[0], chainOf(s, 9)))
		}, 10},
		"term beyond the hard state": {func(s *Store) {
			tamper(t, s, entryKey(1, 10), forged(commands(10, 3, 1)[0], chainOf(s, 9)))
		}, 10},
		"hard state lost": {func(s *Store) { tamper(t, s, groupKey(keyPrefixHardState, 1), nil) }, 6},
		"no configuration": {func(s *Store) {
			e := raft.Entry{Index: 10, Term: 2, Type: raft.EntryConfig, Data: []byte("nonsense")}
			tamper(t, s, entryKey(1, 10), forged(e, chainOf(s, 9)))
		}, 10},
		"a key nobody writes": {func(s *Store) { tamper(t, s, append(entryKey(1, 4), 0), []byte("x")) }, 5},
		"empty value":         {func(s *Store) { tamper(t, s, entryKey(1, 4), []byte{}) }, 4},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := twoLogs(t)
			mustRestore(t, s, 1)
			c.tamper(s)
			_, err := s.Restore(1)
			wantDamage(t, err, 1, c.index)
			mustRestore(t, s, 2) // the other group is sound
		})
	}
}

func TestADamagedLogIsBegunAnew(t *testing.T) {
	s := twoLogs(t)
	mustBootstrap(t, s, testIdentity, "d")
	tamper(t, s, entryKey(1, 4), nil)
	fs := s.dir.fs
	mustClose(t, s)
	s = mustOpen(t, fs)
	if err := s.Commit([]GroupWrite{appendWrite(1, 2, commands(11, 2, 1))}); !errors.Is(err, ErrUnknownGroup) {
		t.Fatalf("a write to the damaged log: %v", err)
	}
	mustCreate(t, s, 2)
	for g := raft.GroupID(1); g <= 2; g++ {
		if r := mustRestore(t, s, g); !r.Damaged || r.LastIndex != 0 || r.HardState != (raft.HardState{Term: 2, Vote: 3}) {
			t.Fatalf("group %d restores %+v", g, r)
		}
		mustCommit(t, s, GroupWrite{g, raft.Write{Entries: commands(1, 2, 1), Sync: true}})
	}
}

func TestADamagedLogOfNobodyIsReported(t *testing.T) {
	s := twoLogs(t)
	tamper(t, s, entryKey(1, 4), nil)
	fs := s.dir.fs
	mustClose(t, s)
	_, err := Open(testDir, testOptions(t, fs))
	wantDamage(t, err, 1, 4)
}

func TestEntries(t *testing.T) {
	s := twoLogs(t)
	size := commands(1, 1, 1)[0].Size()
	for _, c := range []struct {
		lo, hi raft.Index
		bytes  uint64
		want   int
	}{
		{1, 11, 1 << 20, 10}, {3, 5, 1 << 20, 2}, {9, 50, 1 << 20, 2}, {10, 1 << 63, 1 << 20, 1},
		{1, 11, 0, 1}, {1, 11, 3 * size, 3}, {1, 11, 3*size - 1, 2},
	} {
		t.Run(fmt.Sprintf("%d to %d in %d", c.lo, c.hi, c.bytes), func(t *testing.T) {
			got, err := s.Entries(2, c.lo, c.hi, c.bytes)
			if err != nil || len(got) != c.want {
				t.Fatalf("%d entries, %v, want %d", len(got), err, c.want)
			}
			for i, e := range got {
				want := commands(c.lo+raft.Index(i), e.Term, 1)[0]
				if e.Index != want.Index || !bytes.Equal(e.Data, want.Data) {
					t.Fatalf("entry %d is %+v, want %+v", i, e, want)
				}
			}
		})
	}
	for name, c := range map[string]struct {
		g      raft.GroupID
		lo, hi raft.Index
		want   error
	}{
		"unknown group": {9, 1, 2, ErrUnknownGroup}, "nothing asked": {1, 3, 3, ErrInvalid},
		"the base": {1, 0, 3, ErrCompacted}, "behind the end": {1, 11, 12, ErrOutOfRange},
		"far behind the end": {1, 50, 60, ErrOutOfRange},
	} {
		if _, err := s.Entries(c.g, c.lo, c.hi, 1); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
	}
}

func TestEntriesAreTheCallers(t *testing.T) {
	for _, flushed := range []bool{false, true} {
		s := twoLogs(t)
		if flushed {
			if err := s.db.Flush(); err != nil {
				t.Fatal(err)
			}
		}
		got, err := s.Entries(1, 1, 11, 1<<20)
		if err != nil || len(got) != 10 {
			t.Fatalf("%d entries, %v", len(got), err)
		}
		for _, e := range got {
			clear(e.Data) // the store's own bytes must not change
		}
		mustRestore(t, s, 1)
	}
}
