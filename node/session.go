package node

import (
	"container/list"
	"time"

	"github.com/wraft/wraft/internal/sumhash"
	"github.com/wraft/wraft/raft"
)

// Verdict is what the session table says of a command.
type Verdict uint8

const (
	// VerdictExecute: new; run it and hand the answer to Store.
	VerdictExecute Verdict = iota + 1
	// VerdictReplay: done before; give the stored answer.
	VerdictReplay
	// VerdictExpired: the session is unknown or was evicted; never executed.
	VerdictExpired
	// VerdictStale: the client said it holds this answer already; never executed.
	VerdictStale
	// VerdictWindow: too far ahead of the lowest unacknowledged sequence; never executed.
	VerdictWindow
	// VerdictReused: the idempotency key stands for another command; never executed.
	VerdictReused
	// VerdictFull: too many keys are remembered; never executed.
	VerdictFull
)

// Answer is what a command returned and where it took effect.
type Answer struct {
	Index  raft.Index
	Term   raft.Term
	Status int32 // 0 ok, > 0 the machine's, < 0 the host's (plugins, and below)
	Data   []byte
}

const (
	// SessionsMax bounds the sessions of one machine; the least recently used one goes.
	SessionsMax = 16384
	// SessionWindow bounds the sequences a session may have unacknowledged.
	SessionWindow = 4096
	// SessionAnswerBytesMax bounds the stored answers of one machine; least recently used sessions go.
	SessionAnswerBytesMax = 64 << 20
	// SessionLifetime is the log time after which a session that was not used ends.
	SessionLifetime = 7 * 24 * time.Hour
	// sessionBits of a session's number count the sessions of a group, those above are the
	// group's number.
	sessionBits = 32
)

// session is one client's memory in the replicated state.
type session struct {
	id       SessionID
	ackBelow uint64
	answers  map[uint64]Answer // by sequence, all >= ackBelow
	bytes    int
	used     uint64 // Sessions.uses when it was used last: its place in use
	seen     int64  // log time then; 0 unless Sessions.timed
	place    *list.Element
	part     sumhash.Part // of Sessions.sum, without the answers
}

// Sessions is the exactly-once table of one machine (Raft thesis §6.3). It is
// replicated state: every method is a function of the log alone, eviction
// included, so all replicas agree on who is remembered.
type Sessions struct {
	next  SessionID
	byID  map[SessionID]*session
	use   *list.List // of *session, least recently used first
	uses  uint64     // how often any was used
	bytes int
	sum   sumhash.Sum // of everything but next, uses and timed
	timed bool        // sessions end after SessionLifetime
	now   int64       // log time
}

// NewSessions returns an empty table.
func NewSessions() *Sessions {
	return &Sessions{next: 1, byID: map[SessionID]*session{}, use: list.New()}
}

// Time lets sessions end by log time from now on; those there are were just used.
//
// Why by a command of the log and not by the release: replicas of the release before
// would keep what others forget.
func (t *Sessions) Time() {
	if t.timed {
		return
	}
	t.timed = true
	for e := t.use.Front(); e != nil; e = e.Next() {
		s := e.Value.(*session)
		s.seen = t.now
		t.name(s)
	}
}

// NumberIn has the sessions that are registered from now on bear numbers of a group's own.
//
// Why: a machine that was deleted and one that is created under its name later are two
// groups. A client of the first one that knows of nothing then has a session that the second
// has never heard of, and not by chance somebody else's. A group has 2^32 numbers, which a
// thousand sessions a second use up in 50 days; then it goes on with the next group's.
func (t *Sessions) NumberIn(g raft.GroupID) { t.next = max(t.next, SessionID(g)<<sessionBits) }

// Advance moves the table to a log time, which never goes back, and ends the sessions
// whose time is over.
func (t *Sessions) Advance(now int64) {
	t.now = now
	for t.timed && t.use.Len() > 0 && now-t.use.Front().Value.(*session).seen >= int64(SessionLifetime) {
		t.evictOldest()
	}
}

// Open registers a session and returns its ID; it may evict the least recently used.
func (t *Sessions) Open() SessionID {
	s := &session{id: t.next, ackBelow: 1, answers: map[uint64]Answer{}}
	t.next++
	t.byID[s.id] = s
	s.place = t.use.PushBack(s)
	t.touch(s)
	if len(t.byID) > SessionsMax {
		t.evictOldest()
	}
	return s.id
}

// Len is the number of sessions remembered.
func (t *Sessions) Len() int { return len(t.byID) }

// Judge says what to do with (id, sequence), forgets answers below ackBelow, and
// returns the stored answer for VerdictReplay.
func (t *Sessions) Judge(id SessionID, sequence, ackBelow uint64) (Verdict, Answer) {
	s, ok := t.byID[id]
	if !ok {
		return VerdictExpired, Answer{}
	}
	t.use.MoveToBack(s.place)
	t.acknowledge(s, min(ackBelow, sequence))
	t.touch(s)
	if sequence < s.ackBelow || sequence == 0 {
		return VerdictStale, Answer{}
	}
	if a, ok := s.answers[sequence]; ok {
		return VerdictReplay, a
	}
	if sequence-s.ackBelow >= SessionWindow {
		return VerdictWindow, Answer{}
	}
	return VerdictExecute, Answer{}
}

// Store remembers the answer of a command that Judge told to execute. The answer's
// data is kept.
func (t *Sessions) Store(id SessionID, sequence uint64, a Answer) {
	s, ok := t.byID[id]
	if !ok || sequence < s.ackBelow {
		return // evicted, or acknowledged, by a later command of the same entry
	}
	t.forget(s, sequence)
	s.answers[sequence] = a
	s.bytes += len(a.Data)
	t.bytes += len(a.Data)
	t.sum.Add(answerPart(s.id, sequence, a))
	for t.bytes > SessionAnswerBytesMax && t.use.Len() > 1 {
		t.evictOldest()
	}
}

func (t *Sessions) acknowledge(s *session, below uint64) {
	for s.ackBelow < below {
		if len(s.answers) == 0 {
			s.ackBelow = below
			return
		}
		t.forget(s, s.ackBelow)
		s.ackBelow++
	}
}

// forget drops a stored answer, if it is there.
func (t *Sessions) forget(s *session, sequence uint64) {
	a, ok := s.answers[sequence]
	if !ok {
		return
	}
	delete(s.answers, sequence)
	s.bytes -= len(a.Data)
	t.bytes -= len(a.Data)
	t.sum.Remove(answerPart(s.id, sequence, a))
}

func (t *Sessions) evictOldest() {
	s := t.use.Remove(t.use.Front()).(*session)
	delete(t.byID, s.id)
	for sequence := range s.answers {
		t.forget(s, sequence)
	}
	t.sum.Remove(s.part)
}
