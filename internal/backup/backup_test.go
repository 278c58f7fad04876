package backup_test

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/internal/backup"
)

// codeOf is the code of an error, or "".
func codeOf(err error) client.Code {
	var p *client.Problem
	if errors.As(err, &p) {
		return p.Code
	}
	return ""
}

// sample writes a file with one machine whose state has some bytes, and returns it.
func sample(t testing.TB, name string, state []byte) {
	t.Helper()
	w, err := backup.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort()
	m := backup.Machine{BackupInfo: client.BackupInfo{Machine: "counter", Form: client.SnapshotExport, Index: 7}}
	for _, part := range []struct {
		kind    string
		content []byte
		number  *int
	}{{backup.KindModule, []byte("module"), &m.ModulePart}, {backup.KindArtefact, []byte("artefact"), &m.ArtefactPart}} {
		if *part.number, err = w.Add(part.kind, part.content); err != nil {
			t.Fatal(err)
		}
	}
	m.Module, m.Artefact = client.DigestOf([]byte("module")), client.DigestOf([]byte("artefact"))
	if m.StatePart, err = w.AddFrom(backup.KindState, bytes.NewReader(state)); err != nil {
		t.Fatal(err)
	}
	if err := w.Finish(backup.Manifest{Cluster: "c", Machines: []backup.Machine{m}}); err != nil {
		t.Fatal(err)
	}
}

// someState is as long as several chunks, and hard to compress.
func someState(n int) []byte {
	state := make([]byte, n)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range state {
		state[i] = byte(r.Uint32())
	}
	return state
}

// readAll reads everything of a file.
func readAll(f *backup.File) ([]byte, error) {
	if err := f.CheckDigest(); err != nil {
		return nil, err
	}
	var state []byte
	for _, m := range f.Manifest.Machines {
		for _, number := range []int{m.ModulePart, m.ArtefactPart} {
			if _, err := f.Load(number); err != nil {
				return nil, err
			}
		}
		var err error
		if state, err = io.ReadAll(f.Part(m.StatePart)); err != nil {
			return nil, err
		}
	}
	return state, nil
}

func TestRoundTrip(t *testing.T) {
	for _, size := range []int{0, 1, 1 << 20, 3<<20 + 5} {
		name := filepath.Join(t.TempDir(), "x.backup")
		want := someState(size)
		sample(t, name, want)
		f, err := backup.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		got, err := readAll(f)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%d bytes: got %d, %v", size, len(got), err)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestEveryByte changes each byte of a file in turn, and cuts it at each length: all is
// found, and the parts alone, without the digest of the whole, never give other bytes.
func TestEveryByte(t *testing.T) {
	name := filepath.Join(t.TempDir(), "x.backup")
	state := someState(600)
	sample(t, name, state)
	whole, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for at := range whole {
		bad := bytes.Clone(whole)
		bad[at] ^= 1 << (at % 8)
		f, err := backup.Read("bad", bytes.NewReader(bad), int64(len(bad)))
		if err == nil {
			for _, m := range f.Manifest.Machines {
				if got, err := io.ReadAll(f.Part(m.StatePart)); err == nil && !bytes.Equal(got, state) {
					t.Fatalf("byte %d is another, and the state, too", at)
				}
			}
			_, err = readAll(f)
		}
		if codeOf(err) != client.CodeBackupDamaged {
			t.Fatalf("byte %d is another: %v", at, err)
		}
		if _, err := backup.Read("cut", bytes.NewReader(whole[:at]), int64(at)); codeOf(err) != client.CodeBackupDamaged {
			t.Fatalf("cut at %d: %v", at, err)
		}
	}
}

// failing gives some bytes and then an error.
type failing struct{ left int }

var errFailing = errors.New("no more")

func (f *failing) Read(p []byte) (int, error) {
	if f.left == 0 {
		return 0, errFailing
	}
	n := min(f.left, len(p))
	f.left -= n
	return n, nil
}

// TestNothingHalf: a part that fails is taken back, and one that follows is whole; a file
// that is not finished leaves nothing; a finished one is never overwritten.
func TestNothingHalf(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "x.backup")
	w, err := backup.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.AddFrom(backup.KindState, &failing{left: 5 << 20}); !errors.Is(err, errFailing) {
		t.Fatal(err)
	}
	if _, err := w.Add(backup.KindModule, []byte("module")); err != nil {
		t.Fatal(err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 || !strings.HasSuffix(entries[0].Name(), ".partial") {
		t.Errorf("%v lies in the folder", entries)
	}
	sample(t, name, []byte("first")) // somebody else
	if err := w.Finish(backup.Manifest{Cluster: "c"}); codeOf(err) != client.CodeBackupExists {
		t.Errorf("over another file: %v", err)
	}
	w.Abort()
	if _, err := backup.Create(name); codeOf(err) != client.CodeBackupExists {
		t.Errorf("a second one: %v", err)
	}
	f, err := backup.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if got, err := readAll(f); err != nil || string(got) != "first" {
		t.Errorf("%q, %v", got, err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("%v lies in the folder", entries)
	}
}

// TestPartTakenBack finishes a file behind a part that failed.
func TestPartTakenBack(t *testing.T) {
	name := filepath.Join(t.TempDir(), "x.backup")
	w, err := backup.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort()
	if _, err := w.AddFrom(backup.KindState, &failing{left: 5 << 20}); !errors.Is(err, errFailing) {
		t.Fatal(err)
	}
	if n, err := w.Add(backup.KindModule, []byte("module")); n != 0 || err != nil {
		t.Fatal(n, err)
	}
	if n, err := w.Add(backup.KindModule, []byte("module")); n != 0 || err != nil {
		t.Fatal(n, err)
	}
	if err := w.Finish(backup.Manifest{Cluster: "c"}); err != nil {
		t.Fatal(err)
	}
	f, err := backup.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.CheckDigest(); err != nil {
		t.Error(err)
	}
	if got, err := f.Load(0); err != nil || string(got) != "module" {
		t.Errorf("%q, %v", got, err)
	}
}

// FuzzRead reads files of strangers: precise errors, bounded memory, and no other bytes
// than the manifest promises.
func FuzzRead(f *testing.F) {
	name := filepath.Join(f.TempDir(), "x.backup")
	sample(f, name, someState(2000))
	whole, err := os.ReadFile(name)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add(whole[:100])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := backup.Read("fuzz", bytes.NewReader(data), int64(len(data)))
		if err != nil {
			if codeOf(err) != client.CodeBackupDamaged {
				t.Fatalf("%v is of no kind", err)
			}
			return
		}
		for i, p := range b.Manifest.Parts {
			n, err := io.Copy(io.Discard, b.Part(i))
			if err == nil && n != p.Bytes || err != nil && codeOf(err) != client.CodeBackupDamaged {
				t.Fatalf("part %d: %d bytes of %d, %v", i, n, p.Bytes, err)
			}
		}
	})
}
