package storage

import (
	"errors"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

var testIdentity = Identity{Cluster: "c-1234", Node: 2, Incarnation: 1}

func mustBootstrap(t testing.TB, s *Store, id Identity, digest string) {
	t.Helper()
	if err := s.Bootstrap(id, digest); err != nil {
		t.Fatal(err)
	}
}

func TestBootstrapOnce(t *testing.T) {
	fs := vfs.NewMem()
	s := mustOpen(t, fs)
	if id, ok := s.Identity(); ok {
		t.Fatalf("a fresh store belongs to %v", id)
	}
	mustBootstrap(t, s, testIdentity, "d1")
	for range 2 {
		if id, ok := s.Identity(); !ok || id != testIdentity {
			t.Fatalf("identity %v, %v", id, ok)
		}
		mustBootstrap(t, s, testIdentity, "d1")
		mustClose(t, s)
		s = mustOpen(t, fs)
	}
}

func TestBootstrapRefusesAnother(t *testing.T) {
	fs := vfs.NewMem()
	s := mustOpen(t, fs)
	mustBootstrap(t, s, testIdentity, "d1")
	mustClose(t, s)
	s = mustOpen(t, fs)
	cases := map[string]struct {
		change func(*Identity)
		digest string
		says   []string
	}{
		"cluster":     {func(id *Identity) { id.Cluster = "c-9" }, "d1", []string{`"c-1234"`, `"c-9"`}},
		"node":        {func(id *Identity) { id.Node = 3 }, "d1", []string{"n2", "n3"}},
		"incarnation": {func(id *Identity) { id.Incarnation = 2 }, "d1", []string{"incarnation 1", "incarnation 2"}},
		"description": {func(*Identity) {}, "d2", []string{"d1", "d2"}},
	}
	for name, c := range cases {
		id := testIdentity
		c.change(&id)
		err := s.Bootstrap(id, c.digest)
		var foreign *ForeignError
		if !errors.Is(err, ErrForeign) || !errors.As(err, &foreign) {
			t.Fatalf("%s: got %v, want a ForeignError", name, err)
		}
		for _, say := range c.says {
			if !strings.Contains(err.Error(), say) {
				t.Errorf("%s: %q does not name %s", name, err, say)
			}
		}
	}
	if id, _ := s.Identity(); id != testIdentity {
		t.Fatalf("a refused bootstrap changed the identity to %v", id)
	}
}

func TestBootstrapInput(t *testing.T) {
	s := mustOpen(t, vfs.NewMem())
	long := strings.Repeat("x", 200)
	for name, try := range map[string]error{
		"no cluster":       s.Bootstrap(Identity{Node: 1, Incarnation: 1}, ""),
		"long cluster":     s.Bootstrap(Identity{Cluster: long, Node: 1, Incarnation: 1}, ""),
		"node 0":           s.Bootstrap(Identity{Cluster: "c", Incarnation: 1}, ""),
		"incarnation 0":    s.Bootstrap(Identity{Cluster: "c", Node: 1}, ""),
		"long description": s.Bootstrap(testIdentity, long),
	} {
		if !errors.Is(try, ErrInvalid) {
			t.Errorf("%s: got %v", name, try)
		}
	}
	if _, ok := s.Identity(); ok {
		t.Fatal("a refused bootstrap left an identity")
	}
}

func TestIdentityCopies(t *testing.T) {
	other := Identity{Cluster: "c-9", Node: 7, Incarnation: 1}
	cases := map[string]struct {
		change func(d directory) error
		says   string // empty: it heals
	}{
		"file lost":      {func(d directory) error { return d.fs.Remove(d.join(identityName)) }, ""},
		"file rotten":    {func(d directory) error { return flip(d.fs, d.join(identityName), 70) }, ""},
		"file truncated": {func(d directory) error { return d.write(identityName, []byte{1, 2}) }, ""},
		"file of another": {func(d directory) error {
			return d.write(identityName, bootstrap{identity: other, digest: "d1"}.encode())
		}, "n7"},
		"store lost": {func(d directory) error { return d.fs.RemoveAll(d.join(pebbleName)) }, ""},
		"store and votes lost": {func(d directory) error {
			return errors.Join(d.fs.RemoveAll(d.join(pebbleName)), d.fs.Remove(d.join(votesName)))
		}, "empty"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			fs := vfs.NewMem()
			s := mustOpen(t, fs)
			mustBootstrap(t, s, testIdentity, "d1")
			mustClose(t, s)
			if err := c.change(s.dir); err != nil {
				t.Fatal(err)
			}
			s, err := Open(testDir, testOptions(t, fs))
			if c.says != "" {
				if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), c.says) {
					t.Fatalf("got %v, want damage that names %q", err, c.says)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if id, ok := s.Identity(); !ok || id != testIdentity {
				t.Fatalf("identity %v, %v", id, ok)
			}
			mustClose(t, s)
			if _, err := s.dir.read(identityName); err != nil {
				t.Fatalf("the file was not written again: %v", err)
			}
		})
	}
}

func TestBothCopiesOutliveAPowerLoss(t *testing.T) {
	fs := vfs.NewCrashableMem()
	s := mustOpen(t, fs)
	mustBootstrap(t, s, testIdentity, "d1")
	after := directory{fs: crashClone(fs, false), path: testDir}
	if b, err := after.read(identityName); err != nil || len(b) == 0 {
		t.Fatalf("the identity file: %d bytes, %v", len(b), err)
	}
	if b, err := after.read(formatName); err != nil || string(b) != formatText+"\n" {
		t.Fatalf("the FORMAT file: %q, %v", b, err)
	}
	lost, err := Open(testDir, testOptions(t, crashClone(fs, false)))
	if err != nil {
		t.Fatal(err)
	}
	defer lost.Close()
	if id, ok := lost.Identity(); !ok || id != testIdentity {
		t.Fatalf("identity %v, %v", id, ok)
	}
}
