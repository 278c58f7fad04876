package storage

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

var (
	testModule = []byte("\x00asm and so on")
	testDigest = Digest(sha256.Sum256(testModule))
)

func TestModules(t *testing.T) {
	fs := vfs.NewMem()
	s := mustOpen(t, fs)
	m := s.Modules()
	if m.Has(testDigest) {
		t.Fatal("a module nobody stored is there")
	}
	if _, err := m.Read(testDigest); !errors.Is(err, ErrModuleMissing) {
		t.Fatalf("reading it: %v", err)
	}
	for range 2 {
		if err := m.Put(testDigest, bytes.NewReader(testModule), int64(len(testModule))); err != nil {
			t.Fatal(err)
		}
	}
	mustClose(t, s)
	m = mustOpen(t, fs).Modules()
	if got, err := m.Read(testDigest); err != nil || !bytes.Equal(got, testModule) {
		t.Fatalf("read %q, %v", got, err)
	}
	if got, err := m.List(); err != nil || !slices.Equal(got, []Digest{testDigest}) {
		t.Fatalf("list %v, %v", got, err)
	}
	for range 2 {
		if err := m.Remove(testDigest); err != nil {
			t.Fatal(err)
		}
	}
	if m.Has(testDigest) {
		t.Fatal("a removed module is there")
	}
}

// TestModuleIsRemovedDurably: a crash behind a removal does not bring a module back, and one
// behind a second Put does not take it.
func TestModuleIsRemovedDurably(t *testing.T) {
	fs := vfs.NewCrashableMem()
	m := mustOpen(t, fs).Modules()
	put := func() {
		t.Helper()
		if err := m.Put(testDigest, bytes.NewReader(testModule), int64(len(testModule))); err != nil {
			t.Fatal(err)
		}
	}
	there := func() bool {
		t.Helper()
		s := mustOpen(t, fs.CrashClone(vfs.CrashCloneCfg{}))
		defer mustClose(t, s)
		return s.Modules().Has(testDigest)
	}
	put()
	if err := m.Remove(testDigest); err != nil {
		t.Fatal(err)
	}
	if there() {
		t.Error("a removed module came back")
	}
	put()
	if !there() {
		t.Error("a module that was stored again is gone")
	}
}

func TestModuleOpenSeeks(t *testing.T) {
	m := mustOpen(t, vfs.NewMem()).Modules()
	if err := m.Put(testDigest, bytes.NewReader(testModule), 100); err != nil {
		t.Fatal(err)
	}
	r, size, err := m.Open(testDigest)
	if err != nil || size != int64(len(testModule)) {
		t.Fatalf("open: %d, %v", size, err)
	}
	if _, err := r.Seek(5, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, testModule[5:]) {
		t.Fatalf("from 5 on: %q, %v", got, err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
}

// brokenReader yields a little and then an error.
type brokenReader struct{ err error }

func (b brokenReader) Read(p []byte) (int, error) { return min(3, len(p)), b.err }

func TestRefusedModulesLeaveNothing(t *testing.T) {
	cut := errors.New("the connection was cut")
	cases := map[string]struct {
		r       io.Reader
		sizeMax int64
		want    error
	}{
		"too large":    {bytes.NewReader(testModule), int64(len(testModule)) - 1, ErrModuleTooLarge},
		"other bytes":  {strings.NewReader("something else"), 100, ErrModuleDigest},
		"cut short":    {bytes.NewReader(testModule[:5]), 100, ErrModuleDigest},
		"empty":        {strings.NewReader(""), 100, ErrModuleDigest},
		"broken read":  {brokenReader{cut}, 100, cut},
		"limit 0":      {bytes.NewReader(testModule), 0, ErrModuleTooLarge},
		"endless zero": {zeros{}, 1 << 16, ErrModuleTooLarge},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := mustOpen(t, vfs.NewMem())
			if err := s.Modules().Put(testDigest, c.r, c.sizeMax); !errors.Is(err, c.want) {
				t.Fatalf("got %v, want %v", err, c.want)
			}
			names, err := s.dir.fs.List(s.Modules().path)
			if err != nil || len(names) != 0 {
				t.Fatalf("left behind: %v, %v", names, err)
			}
		})
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestModuleRotIsFoundAndHealed(t *testing.T) {
	s := mustOpen(t, vfs.NewMem())
	m := s.Modules()
	put := func() {
		t.Helper()
		if err := m.Put(testDigest, bytes.NewReader(testModule), 100); err != nil {
			t.Fatal(err)
		}
	}
	put()
	for bit := range int64(len(testModule)) * 8 {
		if err := flip(s.dir.fs, m.file(testDigest), bit); err != nil {
			t.Fatal(err)
		}
		if _, err := m.Read(testDigest); !errors.Is(err, ErrDamaged) {
			t.Fatalf("bit %d: %v", bit, err)
		}
		if err := m.Remove(testDigest); err != nil {
			t.Fatal(err)
		}
		put()
		if _, err := m.Read(testDigest); err != nil {
			t.Fatal(err)
		}
	}
}

func TestOpenRemovesModulesThatRotted(t *testing.T) {
	fs := vfs.NewMem()
	s := mustOpen(t, fs)
	if err := s.Modules().Put(testDigest, bytes.NewReader(testModule), 100); err != nil {
		t.Fatal(err)
	}
	mustClose(t, s)
	s = mustOpen(t, fs)
	if !s.Modules().Has(testDigest) {
		t.Fatal("a sound module is gone")
	}
	mustClose(t, s)
	if err := flip(fs, s.Modules().file(testDigest), 3); err != nil {
		t.Fatal(err)
	}
	if mustOpen(t, fs).Modules().Has(testDigest) {
		t.Fatal("a module that rotted is still there")
	}
}

func TestOpenRemovesLeftoverModules(t *testing.T) {
	fs := vfs.NewMem()
	s := mustOpen(t, fs)
	for _, name := range []string{testDigest.String() + ".wasm.7.tmp", "notes.txt", "ABC.wasm"} {
		mustWrite(t, fs, fs.PathJoin(s.Modules().path, name), []byte("half"))
	}
	mustClose(t, s)
	s = mustOpen(t, fs)
	names, err := fs.List(s.Modules().path)
	slices.Sort(names)
	if err != nil || !slices.Equal(names, []string{"ABC.wasm", "notes.txt"}) {
		t.Fatalf("the folder holds %v, %v", names, err)
	}
	if got, err := s.Modules().List(); err != nil || len(got) != 0 {
		t.Fatalf("other files count as modules: %v, %v", got, err)
	}
}

func TestModulePutsAtTheSameTime(t *testing.T) {
	s := mustOpen(t, vfs.NewMem())
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			if err := s.Modules().Put(testDigest, bytes.NewReader(testModule), 100); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	names, err := s.dir.fs.List(s.Modules().path)
	if err != nil || !slices.Equal(names, []string{testDigest.String() + moduleSuffix}) {
		t.Fatalf("the folder holds %v, %v", names, err)
	}
}

func TestModuleDiskFailures(t *testing.T) {
	inModules := func(f func(errorfs.Op) bool) func(errorfs.Op) bool {
		return func(op errorfs.Op) bool { return strings.Contains(op.Path, "/"+modulesName) && f(op) }
	}
	kind := func(k errorfs.OpKind) func(errorfs.Op) bool {
		return inModules(func(op errorfs.Op) bool { return op.Kind == k })
	}
	for name, c := range map[string]struct {
		match func(errorfs.Op) bool
		final bool
	}{
		"create":         {kind(errorfs.OpCreate), false},
		"write":          {kind(errorfs.OpFileWrite), false},
		"sync":           {inModules(func(op errorfs.Op) bool { return isSync(op) && strings.HasSuffix(op.Path, tempSuffix) }), true},
		"rename":         {kind(errorfs.OpRename), true},
		"directory sync": {inModules(func(op errorfs.Op) bool { return isSync(op) && !strings.HasSuffix(op.Path, tempSuffix) }), true},
	} {
		t.Run(name, func(t *testing.T) {
			disk := newFaultyDisk(c.match)
			fatal := 0
			s, err := Open(testDir, Options{FS: disk, Fatal: func(error) { fatal++ }})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			disk.on.Store(true)
			put := func() error { return s.Modules().Put(testDigest, bytes.NewReader(testModule), 100) }
			if err := put(); !errors.Is(err, errorfs.ErrInjected) {
				t.Fatalf("got %v", err)
			}
			disk.on.Store(false)
			if c.final {
				if err := put(); fatal != 1 || !errors.Is(err, ErrFailed) {
					t.Fatalf("Fatal was called %d times, then %v", fatal, err)
				}
				return
			}
			if s.Modules().Has(testDigest) {
				t.Fatal("a module that failed is there")
			}
			if err := put(); err != nil || fatal != 0 {
				t.Fatalf("the next try: %v, Fatal %d times", err, fatal)
			}
		})
	}
}

func TestParseDigest(t *testing.T) {
	if d, err := ParseDigest(testDigest.String()); err != nil || d != testDigest {
		t.Fatalf("got %v, %v", d, err)
	}
	good := testDigest.String()
	for _, s := range []string{"", good[1:], good + "0", strings.ToUpper(good), "../" + good[3:], good[:63] + "g"} {
		if _, err := ParseDigest(s); !errors.Is(err, ErrInvalid) {
			t.Errorf("%q: %v", s, err)
		}
	}
}
