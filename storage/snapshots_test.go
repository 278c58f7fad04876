package storage

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/wraft/wraft/raft"
)

// snapshotAt is the header of a snapshot of group 7.
func snapshotAt(index raft.Index, base Digest) SnapshotHeader {
	return SnapshotHeader{Group: 7, Kind: "test/1", Base: base,
		Meta: raft.SnapshotMeta{Index: index, Term: 3, ConfigIndex: 2, Configuration: testMeta.Configuration}}
}

// contentOf is content of which half can be compressed, the same for equal seeds.
func contentOf(seed uint64, bytes int) []byte {
	rng := rand.New(rand.NewPCG(seed, 1))
	out := make([]byte, bytes)
	for i := 0; i < bytes/2; i++ {
		out[i] = byte(rng.Uint32())
	}
	return out
}

func mustSnapshot(t tester, s *Store, h SnapshotHeader, content []byte) SnapshotFile {
	t.Helper()
	f, err := writeSnapshot(s, h, content)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func writeSnapshot(s *Store, h SnapshotHeader, content []byte) (SnapshotFile, error) {
	w, err := s.Snapshots().Create(h)
	if err != nil {
		return SnapshotFile{}, err
	}
	for len(content) > 0 { // in pieces that fit no chunk
		n := min(len(content), 70_001)
		if _, err := w.Write(content[:n]); err != nil {
			w.Abort()
			return SnapshotFile{}, err
		}
		content = content[n:]
	}
	return w.Finish()
}

func readSnapshot(s *Store, f SnapshotFile) ([]byte, error) {
	r, err := s.Snapshots().Open(f)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(r)
	return b, errors.Join(err, r.Close())
}

func TestSnapshotRoundTrip(t *testing.T) {
	fs := vfs.NewMem()
	s := mustOpen(t, fs)
	var want []SnapshotFile
	for i, size := range []int{0, 1, snapshotChunkBytes, snapshotChunkBytes + 1, 3*snapshotChunkBytes - 5} {
		h := snapshotAt(raft.Index(10+i), Digest{})
		content := contentOf(uint64(i), size)
		f := mustSnapshot(t, s, h, content)
		if got, err := readSnapshot(s, f); err != nil || !bytes.Equal(got, content) {
			t.Fatalf("%d bytes: read %d, %v", size, len(got), err)
		}
		if got, err := s.Snapshots().Verify(f); err != nil || fmt.Sprint(got) != fmt.Sprint(h) {
			t.Fatalf("header %+v, %v", got, err)
		}
		if again := mustSnapshot(t, s, h, content); again != f {
			t.Fatalf("written twice: %+v and %+v", f, again)
		}
		want = append(want, f)
	}
	mustClose(t, s)
	got, err := mustOpen(t, fs).Snapshots().List(7)
	if err != nil || !slices.Equal(got, want) {
		t.Fatalf("list %v, %v, want %v", got, err, want)
	}
}

// TestSnapshotFormat pins the example of docs/FORMAT.md.
func TestSnapshotFormat(t *testing.T) {
	fs := vfs.NewMem()
	s := mustOpen(t, fs)
	f := mustSnapshot(t, s, snapshotAt(300, Digest{}), []byte("hihihihihihihihihihihihihihihihi"))
	got := hex.EncodeToString(mustRead(t, fs, s.Snapshots().path(f)))
	if got != snapshotVector {
		t.Errorf("got  %s\nwant %s", got, snapshotVector)
	}
	if path := s.Snapshots().path(f); !strings.HasSuffix(path, "snapshots/7/00000000000000000300-"+snapshotVector[len(snapshotVector)-64:]+".snap") {
		t.Errorf("it lies at %s", path)
	}
}

func TestSnapshotChain(t *testing.T) {
	s := mustOpen(t, vfs.NewMem())
	one := mustSnapshot(t, s, snapshotAt(1, Digest{}), []byte("one"))
	two := mustSnapshot(t, s, snapshotAt(2, one.Digest), []byte("two"))
	three := mustSnapshot(t, s, snapshotAt(3, two.Digest), []byte("three"))
	four := mustSnapshot(t, s, snapshotAt(4, Digest{}), []byte("four"))
	if got, err := s.Snapshots().Chain(three); err != nil || !slices.Equal(got, []SnapshotFile{one, two, three}) {
		t.Fatalf("chain %v, %v", got, err)
	}
	if removed, err := s.Snapshots().Retain(7, four, three); err != nil || len(removed) != 0 {
		t.Fatalf("removed %v, %v", removed, err)
	}
	if removed, err := s.Snapshots().Retain(7, four, two); err != nil || !slices.Equal(removed, []SnapshotFile{three}) {
		t.Fatalf("removed %v, %v", removed, err)
	}
	if err := s.Snapshots().Remove(one); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Snapshots().Chain(two); !errors.Is(err, ErrSnapshotMissing) {
		t.Fatalf("a chain without its beginning: %v", err)
	}
	if removed, err := s.Snapshots().Retain(7, four); err != nil || !slices.Equal(removed, []SnapshotFile{two}) {
		t.Fatalf("removed %v, %v", removed, err)
	}
}

// TestSnapshotRotIsFound flips every byte of a file and cuts it at every length: it
// must never be taken for what was written.
func TestSnapshotRotIsFound(t *testing.T) {
	fs := vfs.NewMem()
	s := mustOpen(t, fs)
	content := contentOf(9, 900)
	f := mustSnapshot(t, s, snapshotAt(5, Digest{}), content)
	path := s.Snapshots().path(f)
	sound := mustRead(t, fs, path)
	check := func(what string, at int, rotten []byte) {
		t.Helper()
		mustWrite(t, fs, path, rotten)
		var damaged *SnapshotDamagedError
		if got, err := readSnapshot(s, f); !errors.As(err, &damaged) || !errors.Is(err, ErrDamaged) || damaged.File.Index != 5 {
			t.Fatalf("%s at %d: read %d bytes, %v", what, at, len(got), err)
		}
	}
	for i := range sound {
		rotten := bytes.Clone(sound)
		rotten[i] ^= 1 << (i % 8)
		check("a flipped bit", i, rotten)
		check("a cut", i, sound[:i])
	}
	check("an appendage", len(sound), append(bytes.Clone(sound), 0))
	if err := s.Snapshots().Condemn(f); err != nil {
		t.Fatal(err)
	}
	if files, err := s.Snapshots().List(7); err != nil || len(files) != 0 {
		t.Fatalf("a condemned file is listed: %v, %v", files, err)
	}
	if files, err := s.Snapshots().Condemned(7); err != nil || len(files) != 1 || files[0].Digest != f.Digest {
		t.Fatalf("condemned: %v, %v", files, err)
	}
	newer := mustSnapshot(t, s, snapshotAt(6, Digest{}), content)
	if _, err := s.Snapshots().Retain(7, newer); err != nil {
		t.Fatal(err)
	}
	if files, err := s.Snapshots().Condemned(7); err != nil || len(files) != 0 {
		t.Fatalf("condemned after a newer one: %v, %v", files, err)
	}
}

// TestSnapshotChunksThatChangePlaces swaps two chunks, each of which is sound: whoever
// reads the file notices without its digest.
func TestSnapshotChunksThatChangePlaces(t *testing.T) {
	fs := vfs.NewMem()
	s := mustOpen(t, fs)
	f := mustSnapshot(t, s, snapshotAt(5, Digest{}), contentOf(3, 2*snapshotChunkBytes))
	path := s.Snapshots().path(f)
	var units [][]byte
	for r := (&snapshotUnits{r: bytes.NewReader(mustRead(t, fs, path))}); ; {
		u, err := r.next()
		if err != nil {
			t.Fatal(err)
		}
		units = append(units, bytes.Clone(u.bytes))
		if u.end {
			break
		}
	}
	mustWrite(t, fs, path, slices.Concat(units[0], units[2], units[1], units[3]))
	var damaged *SnapshotDamagedError
	if got, err := readSnapshot(s, f); !errors.As(err, &damaged) {
		t.Errorf("read %d bytes, %v", len(got), err)
	}
}

// TestSnapshotDigestIsCheckedOfWhatCameFromElsewhere forges a file that agrees with itself
// and is not the one that its digest names.
func TestSnapshotDigestIsCheckedOfWhatCameFromElsewhere(t *testing.T) {
	fs := vfs.NewMem()
	s := mustOpen(t, fs)
	wanted := mustSnapshot(t, s, snapshotAt(5, Digest{}), contentOf(1, 1000))
	other := mustSnapshot(t, s, snapshotAt(5, Digest{}), contentOf(2, 1000))
	forged := mustRead(t, fs, s.Snapshots().path(other))
	copy(forged[len(forged)-len(wanted.Digest):], wanted.Digest[:])
	mustWrite(t, fs, s.Snapshots().path(wanted), forged)
	var damaged *SnapshotDamagedError
	if _, err := s.Snapshots().Verify(wanted); !errors.As(err, &damaged) {
		t.Errorf("the scrubber finds %v", err)
	}
	if err := s.Snapshots().Remove(wanted); err != nil {
		t.Fatal(err)
	}
	wanted.Size = int64(len(forged))
	r, err := s.Snapshots().Receive(wanted)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := r.ReadFrom(bytes.NewReader(forged)); !errors.As(err, &damaged) || r.Complete() {
		t.Errorf("received with %v", err)
	}
}

func TestSnapshotAbortLeavesNothing(t *testing.T) {
	s := mustOpen(t, vfs.NewMem())
	w, err := s.Snapshots().Create(snapshotAt(5, Digest{}))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(contentOf(1, 400<<10)); err != nil {
		t.Fatal(err)
	}
	w.Abort()
	w.Abort()
	if names, err := s.dir.fs.List(s.Snapshots().folder(7)); err != nil || len(names) != 0 {
		t.Fatalf("left behind: %v, %v", names, err)
	}
	if _, err := s.Snapshots().Create(SnapshotHeader{}); !errors.Is(err, ErrInvalid) {
		t.Fatalf("a snapshot of nothing: %v", err)
	}
}

const snapshotVector = "7772616674736e70010000003b000000" +
	"1868f342010706746573742f310000000000000000000000000000000000000000000000000000000000000000ac02030201030101020103010000" + // the header
	"7e18ac12120000002000000028b52ffd00004d0000106869015402021b05" + // a chunk
	"9486eec800000000000000002000000000000000a968f0eb3076a2d8894e92ac0b463e74" + // the end
	"2e002d1ef96276e996f9830d2b769d4c3696b0f730f04fe187e56ca67246c49f" // and its digest

// TestSnapshotsOfAGroupGo: a removal takes everything of one group, and nothing else.
func TestSnapshotsOfAGroupGo(t *testing.T) {
	s := mustOpen(t, vfs.NewMem())
	content := contentOf(1, 10_000)
	other := snapshotAt(5, Digest{})
	other.Group = 9
	kept := mustSnapshot(t, s, other, content)
	mustSnapshot(t, s, snapshotAt(5, Digest{}), content)
	bad := mustSnapshot(t, s, snapshotAt(6, Digest{}), content)
	if err := s.Snapshots().Condemn(bad); err != nil {
		t.Fatal(err)
	}
	part, err := s.Snapshots().Receive(SnapshotFile{Group: 7, Index: 8, Digest: Digest{1}, Size: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	part.Close()
	for _, want := range [][]raft.GroupID{{7, 9}, {9}, {9}} {
		if groups, err := s.Snapshots().Groups(); err != nil || !slices.Equal(groups, want) {
			t.Fatalf("groups %v, %v, want %v", groups, err, want)
		}
		if err := s.Snapshots().RemoveGroup(7); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := readSnapshot(s, kept); err != nil || !bytes.Equal(got, content) {
		t.Errorf("the other group's snapshot: %d bytes, %v", len(got), err)
	}
	mustSnapshot(t, s, snapshotAt(9, Digest{}), content)
}
