package sim

import (
	"encoding/binary"
	"errors"
	"maps"
	"slices"

	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/raft/mutant"
)

// machine is the replicated state of a simulated node: lists that only grow, and a
// session table that makes each (session, sequence) take effect once (Raft thesis
// §6.3). It is a function of the log alone. encode and decode carry the whole of
// it, sessions included, for snapshots; hash is equal on nodes that have applied
// equally far, by whichever way.
type machine struct {
	at       raft.Index // the last entry applied
	capacity int        // sessions remembered; the one unused for longest goes
	lists    map[uint64]list
	sessions map[uint64]session
	sum      uint64 // of all records' hashes
}

// list is its length and a hash of its values in their order.
type list struct{ length, chain uint64 }

// session is the newest command of a session and what it was answered.
type session struct {
	sequence, length uint64
	effect           raft.Index // where it took effect
	used             raft.Index
}

// verb says what a command asks for.
type verb uint8

const (
	verbOpen   verb = iota + 1 // a session, named by the entry's index
	verbAppend                 // to a list
	verbClose                  // a session
)

// command is the content of an entry. attempt tells proposals of one (session,
// sequence) apart and means nothing to the machine.
type command struct {
	verb                            verb
	attempt, session, sequence, key uint64
}

const commandBytes = 33

func (c command) encode() []byte {
	b := append(make([]byte, 0, commandBytes), byte(c.verb))
	for _, v := range [...]uint64{c.attempt, c.session, c.sequence, c.key} {
		b = binary.BigEndian.AppendUint64(b, v)
	}
	return b
}

func decodeCommand(b []byte) command {
	u := func(i int) uint64 { return binary.BigEndian.Uint64(b[1+8*i:]) }
	return command{verb(b[0]), u(0), u(1), u(2), u(3)}
}

// verdict is how the machine took a command.
type verdict uint8

const (
	verdictNone    verdict = iota // not a command
	verdictDone                   // it took effect here
	verdictRepeat                 // it took effect before; the answer is that one
	verdictExpired                // its session is not known; no effect
	verdictStale                  // a later command of the session was there first; no effect
)

// answer is what a command returns.
type answer struct {
	verdict verdict
	value   uint64     // the list's new length, or the session
	effect  raft.Index // where it took effect
}

func newMachine(capacity int) *machine {
	return &machine{capacity: capacity, lists: map[uint64]list{}, sessions: map[uint64]session{}}
}

// apply runs an entry; entries come in the order of the log.
func (m *machine) apply(e *raft.Entry) answer {
	m.at = e.Index
	if e.Type != raft.EntryCommand {
		return answer{}
	}
	switch c := decodeCommand(e.Data); c.verb {
	case verbOpen:
		m.evict()
		m.setSession(uint64(e.Index), session{used: e.Index})
		return answer{verdictDone, uint64(e.Index), e.Index}
	case verbClose:
		m.dropSession(c.session)
		return answer{verdictDone, 0, e.Index}
	default:
		return m.append(e, c)
	}
}

// append runs an append unless its session has done it before.
func (m *machine) append(e *raft.Entry, c command) answer {
	s, known := m.sessions[c.session]
	switch {
	case !known:
		return answer{verdict: verdictExpired}
	case c.sequence < s.sequence:
		return answer{verdict: verdictStale}
	case c.sequence == s.sequence:
		s.used = e.Index
		m.setSession(c.session, s)
		return answer{verdictRepeat, s.length, s.effect}
	}
	l := m.lists[c.key]
	m.sum ^= l.hash(c.key)
	l = list{l.length + 1, mix(l.chain ^ mix(c.session) ^ c.sequence)}
	m.lists[c.key] = l
	m.sum ^= l.hash(c.key)
	m.setSession(c.session, session{c.sequence, l.length, e.Index, e.Index})
	return answer{verdictDone, l.length, e.Index}
}

// evict makes room for a session: the one that was used longest ago goes.
func (m *machine) evict() {
	for len(m.sessions) >= m.capacity {
		oldest, used := uint64(0), m.at
		for id, s := range m.sessions {
			if s.used < used { // no two were used by one entry
				oldest, used = id, s.used
			}
		}
		m.dropSession(oldest)
	}
}

func (m *machine) setSession(id uint64, s session) {
	m.dropSession(id)
	m.sessions[id] = s
	m.sum ^= s.hash(id)
}

func (m *machine) dropSession(id uint64) {
	if s, known := m.sessions[id]; known {
		m.sum ^= s.hash(id)
		delete(m.sessions, id)
	}
}

// hash stands for the whole state.
func (m *machine) hash() uint64 { return mix(m.sum ^ mix(uint64(m.at))) }

func (l list) hash(key uint64) uint64 {
	if l.length == 0 {
		return 0
	}
	return mix(mix(key) ^ mix(l.length)<<1 ^ l.chain)
}

func (s session) hash(id uint64) uint64 {
	return mix(mix(id^1<<63) ^ mix(s.sequence)<<1 ^ mix(s.length)<<2 ^ mix(uint64(s.effect))<<3 ^ mix(uint64(s.used))<<4)
}

// encode writes the whole state; equal states give equal bytes.
func (m *machine) encode() []byte {
	var b []byte
	put := func(values ...uint64) {
		for _, v := range values {
			b = binary.BigEndian.AppendUint64(b, v)
		}
	}
	sessions := m.sessions
	if mutant.On(mutant.SnapshotWithoutSessions) {
		sessions = nil
	}
	put(uint64(m.at), uint64(m.capacity), uint64(len(m.lists)), uint64(len(sessions)))
	for _, key := range slices.Sorted(maps.Keys(m.lists)) {
		put(key, m.lists[key].length, m.lists[key].chain)
	}
	for _, id := range slices.Sorted(maps.Keys(sessions)) {
		s := sessions[id]
		put(id, s.sequence, s.length, uint64(s.effect), uint64(s.used))
	}
	return b
}

// decodeMachine reads what encode wrote.
func decodeMachine(b []byte) (*machine, error) {
	const head, perList, perSession = 4, 3, 5
	words := make([]uint64, 0, len(b)/8)
	for ; len(b) >= 8; b = b[8:] {
		words = append(words, binary.BigEndian.Uint64(b))
	}
	if len(b) != 0 || len(words) < head {
		return nil, errors.New("sim: machine: cut short")
	}
	m := newMachine(int(words[1]))
	m.at = raft.Index(words[0])
	lists, sessions := words[2], words[3]
	limit := uint64(len(words))
	if words = words[head:]; lists > limit || sessions > limit || uint64(len(words)) != lists*perList+sessions*perSession {
		return nil, errors.New("sim: machine: another length than it says")
	}
	for ; lists > 0; lists, words = lists-1, words[perList:] {
		l := list{words[1], words[2]}
		m.lists[words[0]] = l
		m.sum ^= l.hash(words[0])
	}
	for ; sessions > 0; sessions, words = sessions-1, words[perSession:] {
		m.setSession(words[0], session{words[1], words[2], raft.Index(words[3]), raft.Index(words[4])})
	}
	return m, nil
}
