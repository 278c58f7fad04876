package node

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/wraft/wraft/internal/sumhash"
	"github.com/wraft/wraft/plugins"
	"github.com/wraft/wraft/raft"
)

func TestKeyVerdicts(t *testing.T) {
	k := NewKeys()
	judge := func(key, call string) Verdict {
		v, a := k.Judge(key, []byte(call))
		if v == VerdictReplay && string(a.Data) != "answer to "+call {
			t.Fatalf("replayed %q for %q", a.Data, call)
		}
		if v == VerdictExecute {
			k.Store(key, []byte(call), Answer{Data: []byte("answer to " + call)})
		}
		return v
	}
	for _, step := range []struct {
		name, key, call string
		now             time.Duration
		want            Verdict
	}{
		{"first", "a", "1", 0, VerdictExecute},
		{"its repeat", "a", "1", time.Hour, VerdictReplay},
		{"another command under it", "a", "2", time.Hour, VerdictReused},
		{"another key", "b", "2", time.Hour, VerdictExecute},
		{"the last moment", "a", "1", KeyLifetime - 1, VerdictReplay},
		{"the end of its time", "a", "2", KeyLifetime, VerdictExecute},
		{"which was not that of the other", "b", "2", KeyLifetime, VerdictReplay},
	} {
		k.Advance(int64(step.now))
		if got := judge(step.key, step.call); got != step.want {
			t.Fatalf("%s: verdict %d, want %d", step.name, got, step.want)
		}
	}
}

// TestKeysAreNotForgottenTooSoon: a full table refuses what is new until its oldest key
// was kept for long enough.
func TestKeysAreNotForgottenTooSoon(t *testing.T) {
	for name, fill := range map[string]func(*Keys){
		"count": func(k *Keys) {
			for i := range KeysMax {
				k.Store(strconv.Itoa(i), nil, Answer{})
			}
		},
		"bytes": func(k *Keys) {
			k.Store("0", nil, Answer{Data: make([]byte, KeyAnswerBytesMax/2)})
			k.Store("1", nil, Answer{Data: make([]byte, KeyAnswerBytesMax/2)})
		},
	} {
		t.Run(name, func(t *testing.T) {
			k := NewKeys()
			fill(k)
			k.Advance(int64(KeyKept) - 1)
			if v, _ := k.Judge("new", nil); v != VerdictFull {
				t.Errorf("a new one: verdict %d", v)
			}
			if v, _ := k.Judge("0", nil); v != VerdictReplay {
				t.Errorf("the oldest: verdict %d", v)
			}
			k.Advance(int64(KeyKept))
			if v, _ := k.Judge("new", nil); v != VerdictExecute {
				t.Errorf("a new one when there may be room: verdict %d", v)
			}
			if v, _ := k.Judge(strconv.Itoa(min(k.Len(), KeysMax-1)), nil); v != VerdictReplay {
				t.Errorf("the newest: verdict %d", v)
			}
		})
	}
}

// The sum that is kept up to date is that of what the table holds, and a table made of
// its snapshot is the same.
func TestKeyHashIsOfTheTable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k, now := NewKeys(), int64(0)
		for range rapid.IntRange(0, 60).Draw(t, "steps") {
			now += int64(rapid.IntRange(0, 6).Draw(t, "hours")) * int64(time.Hour)
			k.Advance(now)
			key, call := rapid.StringMatching("[ab]{1,3}").Draw(t, "key"), rapid.SliceOfN(rapid.Byte(), 0, 2).Draw(t, "call")
			if v, _ := k.Judge(key, call); v == VerdictExecute {
				k.Store(key, call, Answer{Index: raft.Index(k.taken), Data: call})
			}
		}
		var want sumhash.Sum
		bytesOf := 0
		for e := k.age.Front(); e != nil; e = e.Next() {
			one := e.Value.(*keyed)
			want.Add(one.part())
			bytesOf += len(one.key) + len(one.answer.Data)
		}
		again, err := restoreKeys(k.taken, now, k.snapshot())
		if err != nil {
			t.Fatal(err)
		}
		if k.sum != want || k.bytes != bytesOf || !bytes.Equal(k.AppendHash(nil), again.AppendHash(nil)) || again.bytes != k.bytes || again.Len() != k.Len() {
			t.Fatalf("sum %x of %d bytes, the table's is %x of %d, the restored one's %x", k.sum.Append(nil), k.bytes, want.Append(nil), bytesOf, again.AppendHash(nil))
		}
	})
}

func TestKeyedCommandsRunOnce(t *testing.T) {
	m := &echo{}
	a := NewApplier(7, m, nil)
	put := func(i raft.Index, commands ...Command) []Applied {
		t.Helper()
		e := entry(t, i, 1, Batch{Commands: commands})
		w := ApplyWork{Range: raft.ApplyRange{First: i, Last: i, Entries: []raft.Entry{e}}, Waiting: map[raft.Index][]Ticket{i: make([]Ticket, len(commands))}}
		out, err := a.Apply(t.Context(), w)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	key := func(key, call string) Command { return KeyedCommand(key, []byte(call)) }
	check := func(name string, got Applied, data string, replayed bool, status int32, index raft.Index) {
		t.Helper()
		if string(got.Answer.Data) != data || got.Replayed != replayed || got.Answer.Status != status || got.Answer.Index != index {
			t.Errorf("%s: %+v", name, got)
		}
	}
	out := put(1, key("k", "x"), key("k", "x"), key("k", "y"), key("l", "y"), call1(0, 0, "k"), Command{Kind: CommandKeyed, Data: []byte{3, 'a', 'b'}})
	check("first", out[0], "x#1", false, 0, 1)
	check("its repeat in the entry", out[1], "x#1", true, 0, 1)
	check("another command in the entry", out[2], "", false, StatusKeyReused, 1)
	check("another key", out[3], "y#2", false, 0, 1)
	check("no key", out[4], "k#3", false, 0, 1)
	check("half a key", out[5], "not a command under a key", false, plugins.StatusMalformed, 1)
	out = put(2, key("k", "x"), key("l", "x"), key("l", "y"))
	check("a repeat in a later entry", out[0], "x#1", true, 0, 1)
	check("another command in a later entry", out[1], "", false, StatusKeyReused, 2)
	check("a repeat behind it", out[2], "y#2", true, 0, 1)
}

// timedLog is a log of level 2: keys, and sessions that end by time.
func timedLog(t *testing.T, n int) logOf {
	log := snapshotLog(t, n)
	for i := 3; i < n; i += 3 {
		set := "set keyed " + strconv.Itoa(i)
		log[i] = entry(t, raft.Index(i+1), log[i].Term, Batch{Elapsed: int64(i) * int64(30*time.Minute), Commands: []Command{
			KeyedCommand("k"+strconv.Itoa(i), []byte(set)), KeyedCommand("k"+strconv.Itoa(i-3), []byte("set keyed "+strconv.Itoa(i-3))), {Kind: CommandTimedSession},
		}})
	}
	return log
}

// TestKeysTravelInSnapshots: a replica that begins from a snapshot has the same keys and
// sessions, and forgets them at the same entries.
func TestKeysTravelInSnapshots(t *testing.T) {
	kvs, log := newKVs(t), timedLog(t, 120)
	a := kvs.applier(t, log)
	applyUpTo(t, a, 60)
	content := func(a *Applier) []byte {
		c, err := a.Capture()
		return captureBytes(t, c, err)
	}
	at60 := content(a)
	if v := versionOfState(at60[:stateBeginBytes]); v != snapshotLaterVersion {
		t.Errorf("version %d", v)
	}
	b, err := RestoreApplier(t.Context(), 7, []io.Reader{bytes.NewReader(at60)}, kvs.open, log)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close(context.Background())
	before := a.keys.Len()
	applyUpTo(t, a, 120)
	applyUpTo(t, b, 120)
	if !bytes.Equal(content(a), content(b)) || a.replicaHash(plugins.StateHash{}) != b.replicaHash(plugins.StateHash{}) {
		t.Error("the restored replica differs")
	}
	if before == 0 || uint64(a.keys.Len()) == a.keys.taken {
		t.Errorf("%d keys, then %d of %d: nothing was tried", before, a.keys.Len(), a.keys.taken)
	}
	for name, damage := range map[string]func(*snapshotContent){
		"a key twice":           func(c *snapshotContent) { c.keys[1].Key = c.keys[0].Key },
		"a key without a name":  func(c *snapshotContent) { c.keys[0].Key = nil },
		"keys in no order":      func(c *snapshotContent) { c.keys[0].Number, c.keys[1].Number = c.keys[1].Number, c.keys[0].Number },
		"a key of the future":   func(c *snapshotContent) { c.keys[len(c.keys)-1].At = c.state.LogTime + 1 },
		"a session without one": func(c *snapshotContent) { c.later.Seen = c.later.Seen[1:] },
		"times in no order":     func(c *snapshotContent) { c.later.Seen[0] = c.state.LogTime + 1 },
	} {
		c, err := readAnyState(bytes.NewReader(at60))
		if err != nil {
			t.Fatal(err)
		}
		damage(&c)
		if _, _, err := c.tables(); !errors.Is(err, ErrSnapshotState) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestWithoutKeysSnapshotsStayAsTheyWere: the release before reads them, and compares.
func TestWithoutKeysSnapshotsStayAsTheyWere(t *testing.T) {
	kvs, log := newKVs(t), snapshotLog(t, 30)
	a := kvs.applier(t, log)
	applyUpTo(t, a, 30)
	c, err := a.Capture()
	if v := versionOfState(captureBytes(t, c, err)[:stateBeginBytes]); v != snapshotStateVersion {
		t.Errorf("version %d", v)
	}
	if b := a.keys.AppendHash(nil); len(b) != 0 {
		t.Errorf("%x", b)
	}
}

func TestSessionsEndByLogTime(t *testing.T) {
	s := NewSessions()
	old, other := s.Open(), s.Open()
	s.Advance(int64(10 * SessionLifetime))
	if s.Len() != 2 {
		t.Fatalf("%d sessions: they ended before any was to", s.Len())
	}
	untimed := string(s.AppendHash(nil))
	s.Time()
	s.Time()
	if string(s.AppendHash(nil)) == untimed {
		t.Error("the hash does not tell")
	}
	begin := int64(10 * SessionLifetime)
	s.Advance(begin + int64(SessionLifetime) - 1)
	if v, _ := s.Judge(old, 1, 0); v != VerdictExecute {
		t.Errorf("a use at the last moment: verdict %d", v)
	}
	s.Advance(begin + int64(SessionLifetime))
	if v, _ := s.Judge(other, 1, 0); v != VerdictExpired {
		t.Errorf("the one that was not used: verdict %d", v)
	}
	if v, _ := s.Judge(old, 2, 0); v != VerdictExecute {
		t.Errorf("the one that was: verdict %d", v)
	}
	s.Advance(begin + 2*int64(SessionLifetime))
	if s.Len() != 0 {
		t.Errorf("%d sessions at the end of time", s.Len())
	}
}
