package node

import (
	"cmp"
	"container/list"
	"crypto/sha256"
	"fmt"
	"io"
	"slices"

	"github.com/wraft/wraft/raft"
)

// snapshotContent is everything in front of the machine's part of a snapshot.
type snapshotContent struct {
	state    snapshotState
	sessions []sessionState
	later    laterState // of snapshotLaterVersion, as are the keys
	keys     []keyState
}

// laterState is what came to a replica's state after the first release, a map from small
// numbers.
type laterState struct {
	// Timed: sessions end by log time; Seen is when each was used last, in their order.
	Timed bool    `cbor:"1,keyasint,omitempty"`
	Seen  []int64 `cbor:"2,keyasint,omitempty"`
	// Keys is how many keyStates follow, and Taken how many keys were ever stored.
	Keys  uint64 `cbor:"3,keyasint,omitempty"`
	Taken uint64 `cbor:"4,keyasint,omitempty"`
}

// keyState is a key, as the table keeps it.
type keyState struct {
	_      struct{} `cbor:",toarray"`
	Key    []byte
	Call   [sha256.Size]byte
	At     int64
	Number uint64
	Answer answerState
}

// memory is what an applier remembers besides its machine.
func (a *Applier) memory() snapshotContent {
	c := snapshotContent{sessions: a.sessions.snapshot(), keys: a.keys.snapshot()}
	c.later = laterState{Timed: a.sessions.timed, Keys: uint64(len(c.keys)), Taken: a.keys.taken}
	if c.later.Timed {
		c.later.Seen = make([]int64, 0, a.sessions.use.Len())
		for e := a.sessions.use.Front(); e != nil; e = e.Next() {
			c.later.Seen = append(c.later.Seen, e.Value.(*session).seen)
		}
	}
	return c
}

// version is the one to write.
func (c *snapshotContent) version() uint8 {
	if c.later.Timed || c.later.Taken > 0 {
		return snapshotLaterVersion
	}
	return snapshotStateVersion
}

// snapshot copies the table, oldest keys first. The data of answers is shared.
func (t *Keys) snapshot() []keyState {
	out := make([]keyState, 0, t.age.Len())
	for e := t.age.Front(); e != nil; e = e.Next() {
		k := e.Value.(*keyed)
		out = append(out, keyState{Key: []byte(k.key), Call: k.call, At: k.at, Number: k.number, Answer: answerStateOf(0, k.answer)})
	}
	return out
}

// tables makes the tables of what memory copied.
func (c *snapshotContent) tables() (*Sessions, *Keys, error) {
	sessions, err := restoreSessions(c.state.NextSession, c.state.SessionUses, c.sessions)
	if err != nil {
		return nil, nil, err
	}
	sessions.now = c.state.LogTime
	if c.later.Timed {
		if err := sessions.restoreTimes(c.later.Seen); err != nil {
			return nil, nil, err
		}
	}
	keys, err := restoreKeys(c.later.Taken, c.state.LogTime, c.keys)
	return sessions, keys, err
}

// restoreTimes says when each session was used last.
func (t *Sessions) restoreTimes(seen []int64) error {
	if len(seen) != t.use.Len() || !slices.IsSorted(seen) || len(seen) > 0 && seen[len(seen)-1] > t.now {
		return fmt.Errorf("%w: %d times of %d sessions", ErrSnapshotState, len(seen), t.use.Len())
	}
	t.timed = true
	for e := t.use.Front(); e != nil; e = e.Next() {
		s := e.Value.(*session)
		s.seen, seen = seen[0], seen[1:]
		t.name(s)
	}
	return nil
}

func restoreKeys(taken uint64, now int64, states []keyState) (*Keys, error) {
	t := &Keys{byKey: map[string]*list.Element{}, age: list.New(), taken: taken, now: now}
	var last keyState
	for _, s := range states {
		key := string(s.Key)
		if t.byKey[key] != nil || len(key) == 0 || len(key) > KeyBytesMax || s.Number <= last.Number || s.Number > taken || s.At < last.At || s.At > now {
			return nil, fmt.Errorf("%w: key %d of %d, stored at %d of %d", ErrSnapshotState, s.Number, taken, s.At, now)
		}
		t.add(&keyed{key: key, call: s.Call, answer: s.Answer.answer(), number: s.Number, at: s.At})
		last = s
	}
	return t, nil
}

// write writes the content.
func (c *snapshotContent) write(w io.Writer) (written int64, err error) {
	frame := func(v any) {
		if err == nil {
			var n int64
			n, err = writeFrame(w, v)
			written += n
		}
	}
	frame(c.state)
	for i := range c.sessions {
		slices.SortFunc(c.sessions[i].Answers, func(a, b answerState) int { return cmp.Compare(a.Sequence, b.Sequence) })
		frame(c.sessions[i])
	}
	if c.state.Version == snapshotLaterVersion {
		frame(c.later)
		for i := range c.keys {
			frame(c.keys[i])
		}
	}
	return written, err
}

// readSnapshotState reads everything in front of the machine's state.
func readSnapshotState(r io.Reader, g raft.GroupID) (snapshotContent, error) {
	c, err := readAnyState(r)
	if err == nil && c.state.Group != g {
		err = fmt.Errorf("%w: it is of group %d", ErrSnapshotState, c.state.Group)
	}
	return c, err
}

// readAnyState is readSnapshotState for a state of any group.
func readAnyState(r io.Reader) (snapshotContent, error) {
	var c snapshotContent
	s := &c.state
	if err := readFrame(r, s); err != nil {
		return c, err
	}
	if s.Version < snapshotStateVersion || s.Version > snapshotLaterVersion || s.Sessions > SessionsMax {
		return c, fmt.Errorf("%w: version %d, group %d, %d sessions", ErrSnapshotState, s.Version, s.Group, s.Sessions)
	}
	c.sessions = make([]sessionState, s.Sessions)
	if err := readFrames(r, c.sessions); err != nil || s.Version == snapshotStateVersion {
		return c, err
	}
	if err := readFrame(r, &c.later); err != nil {
		return c, err
	}
	if c.later.Keys > KeysMax+BatchCommandsMax {
		return c, fmt.Errorf("%w: %d keys, at most %d are possible", ErrSnapshotState, c.later.Keys, KeysMax+BatchCommandsMax)
	}
	c.keys = make([]keyState, c.later.Keys)
	return c, readFrames(r, c.keys)
}

// stateBeginBytes is where a state has told its version.
const stateBeginBytes = 8

// versionOfState reads the version of a state from its first bytes; 0: it is none.
func versionOfState(begin []byte) uint8 {
	r := batchReader{b: begin[min(4, len(begin)):], ok: true}
	r.head(cborArray)
	version := r.number(1<<8 - 1)
	if !r.ok {
		return 0
	}
	return uint8(version)
}

func readFrames[T any](r io.Reader, into []T) error {
	for i := range into {
		if err := readFrame(r, &into[i]); err != nil {
			return err
		}
	}
	return nil
}
