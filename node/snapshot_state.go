package node

import (
	"bytes"
	"container/list"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/wraft/wraft/plugins"
	"github.com/wraft/wraft/raft"
)

// ErrSnapshotState: the content of a snapshot is not that of this version. Use
// another snapshot.
var ErrSnapshotState = errors.New("node: malformed snapshot")

// snapshotState is what a group's log has led to besides the machine's own state.
type snapshotState struct {
	_       struct{} `cbor:",toarray"`
	Version uint8
	Group   raft.GroupID
	Applied raft.Index

	// Log time, see Applier.advance.
	Term     raft.Term
	TermBase int64
	LogTime  int64
	Commands uint64

	Run     MachineRun // what runs
	Since   raft.Index
	Decided UpgradeOutcome
	Answer  answerState

	Exported ExportOutcome
	Restored restoredFrom
	// Origin: the machine's part is what it exported at the entry Applied. Without it
	// it is an image, or the catalogue.
	Origin *importOrigin

	// How far it is to the next point at which a snapshot is taken.
	PointBytes uint64
	PointTime  int64

	NextSession SessionID
	SessionUses uint64
	Sessions    uint64 // how many sessionStates follow
}

// Versions of snapshotState. The later one has a laterState and the keys behind the
// sessions; it is written where there is something to say in it, so that the release
// before reads what it could have written.
const (
	snapshotStateVersion = 3
	snapshotLaterVersion = 4
)

// sessionState is a session, as the table keeps it.
type sessionState struct {
	_        struct{} `cbor:",toarray"`
	ID       SessionID
	AckBelow uint64
	Used     uint64
	Answers  []answerState // ascending by sequence
}

// answerState is an Answer with the sequence it belongs to.
type answerState struct {
	_        struct{} `cbor:",toarray"`
	Sequence uint64
	Index    raft.Index
	Term     raft.Term
	Status   int32
	Data     []byte
}

func answerStateOf(sequence uint64, a Answer) answerState {
	return answerState{Sequence: sequence, Index: a.Index, Term: a.Term, Status: a.Status, Data: a.Data}
}

func (a answerState) answer() Answer {
	return Answer{Index: a.Index, Term: a.Term, Status: a.Status, Data: a.Data}
}

// snapshot copies the table, least recently used sessions first. The data of answers
// is shared: nobody changes it. The answers of a session are in no order yet.
func (t *Sessions) snapshot() []sessionState {
	out := make([]sessionState, 0, t.use.Len())
	for e := t.use.Front(); e != nil; e = e.Next() {
		s := e.Value.(*session)
		state := sessionState{ID: s.id, AckBelow: s.ackBelow, Used: s.used, Answers: make([]answerState, 0, len(s.answers))}
		for sequence, a := range s.answers {
			state.Answers = append(state.Answers, answerStateOf(sequence, a))
		}
		out = append(out, state)
	}
	return out
}

// restoreSessions makes a table of what snapshot copied.
func restoreSessions(next SessionID, uses uint64, states []sessionState) (*Sessions, error) {
	t := &Sessions{next: next, byID: map[SessionID]*session{}, use: list.New()}
	for _, state := range states {
		if t.byID[state.ID] != nil || state.ID == 0 || state.ID >= next || state.Used <= t.uses || state.Used > uses {
			return nil, fmt.Errorf("%w: session %d, used at %d of %d", ErrSnapshotState, state.ID, state.Used, uses)
		}
		s := &session{id: state.ID, ackBelow: state.AckBelow, answers: map[uint64]Answer{}}
		t.byID[s.id], s.place = s, t.use.PushBack(s)
		t.uses = state.Used - 1
		t.touch(s)
		for _, a := range state.Answers {
			t.restoreAnswer(s, a)
		}
	}
	t.uses = uses
	return t, nil
}

func (t *Sessions) restoreAnswer(s *session, a answerState) {
	s.answers[a.Sequence] = a.answer()
	s.bytes += len(a.Data)
	t.bytes += len(a.Data)
	t.sum.Add(answerPart(s.id, a.Sequence, a.answer()))
}

// frameBytesMax bounds a frame: a session has no more than all of the table may have,
// but that the newest answer may stand alone above it, and what describes it.
const frameBytesMax = 2 * SessionAnswerBytesMax

// writeFrame writes a value in front of what follows.
func writeFrame(w io.Writer, v any) (int64, error) {
	data, err := batchEncoding.Marshal(v)
	if err != nil {
		return 0, fmt.Errorf("node: encode snapshot: %w", err)
	}
	n, err := w.Write(append(binary.BigEndian.AppendUint32(make([]byte, 0, 4+len(data)), uint32(len(data))), data...))
	return int64(n), err
}

// readFrame reads what writeFrame wrote. Memory is taken as bytes arrive.
func readFrame(r io.Reader, v any) error {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return frameError(err)
	}
	size := int64(binary.BigEndian.Uint32(head[:]))
	if size > frameBytesMax {
		return fmt.Errorf("%w: a frame of %d bytes, at most %d are allowed", ErrSnapshotState, size, frameBytesMax)
	}
	var b bytes.Buffer
	if _, err := io.CopyN(&b, r, size); err != nil {
		return frameError(err)
	}
	if err := batchDecoding.Unmarshal(b.Bytes(), v); err != nil {
		return fmt.Errorf("%w: %w", ErrSnapshotState, err)
	}
	return nil
}

// frameError tells a content that ends from one that cannot be read.
func frameError(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: it ends too soon", ErrSnapshotState)
	}
	return err
}

// SnapshotCapture is a replica's state behind one entry, on its way to a file while
// the machine goes on.
type SnapshotCapture struct {
	Index raft.Index
	// State is the hash of the machine's state, on which an increment can be taken
	// later; zero when there are none.
	State plugins.StateHash
	// Increment says that the machine's part rests on the state that was asked for.
	Increment bool

	snapshotContent
	machine Recorded
}

// WriteTo writes the content of the snapshot: equal states behind equal logs make
// equal bytes. It may run on any goroutine, once.
func (c *SnapshotCapture) WriteTo(w io.Writer) (int64, error) {
	written, err := c.snapshotContent.write(w)
	if err != nil {
		return written, err
	}
	n, err := c.machine.WriteTo(w)
	return written + n, err
}

// Kinds of snapshots, as their files say.
const (
	snapshotKindImage  = "image/1"
	snapshotKindExport = "export/1"
	snapshotKindState  = "state/1"
)

// Kind says of what the machine's part is made: image/1 is an image of an instance,
// export/1 what a module wrote of its state, state/1 anything else.
func (c *SnapshotCapture) Kind() string {
	switch {
	case c.state.Origin != nil:
		return snapshotKindExport
	case c.State != plugins.StateHash{}:
		return snapshotKindImage
	}
	return snapshotKindState
}

// Close gives the capture up, whether it was written or not.
func (c *SnapshotCapture) Close() { c.machine.Close() }
