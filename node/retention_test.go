package node

import (
	"errors"
	"fmt"
	"testing"
	"time"
)

// keeper is a retention under test that keeps what nothing names for 40 s.
type keeper struct {
	*Retention
	t *testing.T
}

func newKeeper(t *testing.T) keeper { return keeper{NewRetention(40*time.Second, 0), t} }

// expect wants everything that is to be done now, and carries removals out.
func (k keeper) expect(want string) {
	k.t.Helper()
	got := ""
	for a, done := k.Next(); !done; a, done = k.Next() {
		switch {
		case a.Look:
			got += "look; "
		case a.Remove != nil:
			got += fmt.Sprintf("remove %x; ", a.Remove[:1])
			k.Removed(*a.Remove, nil)
		}
	}
	if got != want {
		k.t.Fatalf("at %v the actions are %q, want %q", k.now, got, want)
	}
}

// look looks at a time: stored is what is there, of which named is named.
func (k keeper) look(at time.Duration, stored, named string) {
	k.t.Helper()
	k.Tick(at)
	k.expect("look; ")
	k.Looked(viewOf(stored, named), nil)
}

// viewOf names each module by a letter.
func viewOf(stored, named string) ModuleView {
	v := ModuleView{Named: map[Digest]bool{}}
	for _, c := range stored {
		v.Stored = append(v.Stored, Digest{byte(c)})
	}
	for _, c := range named {
		v.Named[Digest{byte(c)}] = true
	}
	return v
}

// TestRetention: what nothing names is removed when that is so for long enough, and not a
// moment before; the time counts from the first look that did not find a name.
func TestRetention(t *testing.T) {
	k := newKeeper(t)
	k.look(0, "abc", "a")
	k.expect("")
	if at, ok := k.NextDeadline(); !ok || at != 10*time.Second {
		t.Fatalf("the next look is at %v (%v)", at, ok)
	}
	k.look(10*time.Second, "abc", "ab")
	k.look(39*time.Second, "abc", "a")
	k.expect("")
	k.look(49*time.Second, "abc", "a")
	k.expect("remove 63; ")
	k.look(78*time.Second, "ab", "a")
	k.expect("")
	k.look(88*time.Second, "ab", "a")
	k.expect("remove 62; ")
	k.look(200*time.Second, "a", "a")
	k.expect("")
}

// TestRetentionOfWhatIsWanted: who stores a module or asks for it has the whole time again,
// even when its removal is next.
func TestRetentionOfWhatIsWanted(t *testing.T) {
	k := newKeeper(t)
	k.look(0, "ab", "")
	k.look(50*time.Second, "ab", "")
	k.Want(Digest{'a'})
	k.expect("remove 62; ")
	k.look(89*time.Second, "a", "")
	k.expect("")
	k.Want(Digest{'b'}) // it is stored during the next look
	k.Tick(100 * time.Second)
	k.expect("look; ")
	k.Want(Digest{'a'})
	k.Looked(viewOf("a", ""), nil)
	k.expect("")
	k.look(130*time.Second, "ab", "")
	k.expect("remove 62; ")
	k.look(141*time.Second, "ab", "")
	k.expect("remove 61; ")
}

// TestRetentionWithoutAView: as long as nobody can say what is named nothing is removed; a
// removal that fails is tried again.
func TestRetentionWithoutAView(t *testing.T) {
	k := newKeeper(t)
	k.look(0, "a", "")
	k.Tick(50 * time.Second)
	k.expect("look; ")
	if _, ok := k.NextDeadline(); ok {
		t.Error("it would look twice at a time")
	}
	k.expect("")
	k.Looked(viewOf("a", ""), errors.New("no leader"))
	k.expect("")
	k.look(60*time.Second, "a", "")
	a, _ := k.Next()
	if a.Remove == nil {
		t.Fatal("it is not removed")
	}
	k.Removed(*a.Remove, errors.New("read-only file system"))
	k.look(99*time.Second, "a", "")
	k.expect("")
	k.look(110*time.Second, "a", "")
	k.expect("remove 61; ")
}

// TestRetentionIsBounded: when more modules are asked for than are noted, all stay.
func TestRetentionIsBounded(t *testing.T) {
	k := newKeeper(t)
	k.look(0, "a", "")
	k.Tick(35 * time.Second)
	for i := range retentionWantsMax + 10 {
		k.Want(Digest{1, byte(i), byte(i >> 8), byte(i >> 16)})
	}
	if len(k.unnamed) > retentionWantsMax {
		t.Errorf("%d are noted", len(k.unnamed))
	}
	k.look(60*time.Second, "a", "")
	k.expect("")
	k.look(76*time.Second, "a", "")
	k.expect("remove 61; ")
	if len(k.unnamed) > 0 {
		t.Errorf("%d are noted of what nobody has asked for any more", len(k.unnamed))
	}
}
