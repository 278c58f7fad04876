package sim

import (
	"bytes"
	"testing"

	"github.com/wraft/wraft/raft"
)

// feed runs commands as entries from index m.at+1 on and returns the last answer.
func feed(m *machine, commands ...command) answer {
	var a answer
	for _, c := range commands {
		e := raft.Entry{Index: m.at + 1, Term: 1, Type: raft.EntryCommand, Data: c.encode()}
		a = m.apply(&e)
	}
	return a
}

func add(session, sequence, key uint64) command {
	return command{verb: verbAppend, session: session, sequence: sequence, key: key}
}

func TestMachineDoesACommandOnce(t *testing.T) {
	m := newMachine(10)
	if a := feed(m, add(1, 1, 5)); a.verdict != verdictExpired {
		t.Errorf("without a session: %+v", a)
	}
	s := feed(m, command{verb: verbOpen}).value // at 2
	for _, c := range []struct {
		command
		want answer
	}{
		{add(s, 1, 5), answer{verdictDone, 1, 3}},
		{add(s, 1, 5), answer{verdictRepeat, 1, 3}},
		{add(s, 2, 5), answer{verdictDone, 2, 5}},
		{add(s, 1, 5), answer{verdict: verdictStale}},
		{add(s, 3, 6), answer{verdictDone, 1, 7}},
		{command{verb: verbClose, session: s}, answer{verdictDone, 0, 8}},
		{add(s, 3, 6), answer{verdict: verdictExpired}},
	} {
		if got := feed(m, c.command); got != c.want {
			t.Errorf("%+v: %+v, want %+v", c.command, got, c.want)
		}
	}
	noop := raft.Entry{Index: m.at + 1, Type: raft.EntryNoop}
	if a := m.apply(&noop); a != (answer{}) || m.at != noop.Index {
		t.Errorf("a no-op gives %+v at %d", a, m.at)
	}
}

func TestMachineForgetsTheSessionUnusedForLongest(t *testing.T) {
	m := newMachine(2)
	a, b := feed(m, command{verb: verbOpen}).value, feed(m, command{verb: verbOpen}).value
	feed(m, add(a, 1, 1))
	c := feed(m, command{verb: verbOpen}).value
	if len(m.sessions) != 2 || feed(m, add(b, 1, 1)).verdict != verdictExpired ||
		feed(m, add(a, 1, 1)).verdict != verdictRepeat || feed(m, add(c, 1, 1)).verdict != verdictDone {
		t.Errorf("sessions %v", m.sessions)
	}
}

func TestMachineTravelsWhole(t *testing.T) {
	m := newMachine(7)
	for i := range uint64(40) {
		s := feed(m, command{verb: verbOpen}).value
		feed(m, add(s, 1, i%5), add(s, 2, i%3))
	}
	data := m.encode()
	is, err := decodeMachine(data)
	if err != nil || is.hash() != m.hash() || !bytes.Equal(is.encode(), data) || is.capacity != 7 {
		t.Fatalf("%v: %+v", err, is)
	}
	for s := range m.sessions {
		if a, b := feed(m, add(s, 2, 0)), feed(is, add(s, 2, 0)); a != b || a.verdict != verdictRepeat || is.hash() != m.hash() {
			t.Errorf("session %d: %+v and %+v", s, a, b)
		}
	}
	for n := range data {
		if _, err := decodeMachine(data[:n]); err == nil {
			t.Errorf("%d of %d bytes are accepted", n, len(data))
		}
	}
	if _, err := decodeMachine(append(make([]byte, 16), bytes.Repeat([]byte{0xff}, 16)...)); err == nil {
		t.Error("absurd numbers are accepted")
	}
}

func TestHashSeesEveryDifference(t *testing.T) {
	fresh := func() *machine {
		m := newMachine(10)
		feed(m, command{verb: verbOpen}, add(1, 1, 5), add(1, 2, 6))
		return m
	}
	seen := map[uint64]string{fresh().hash(): "nothing"}
	for name, change := range map[string]func(m *machine){
		"a session lost":   func(m *machine) { m.dropSession(1) },
		"another sequence": func(m *machine) { s := m.sessions[1]; s.sequence++; m.setSession(1, s) },
		"another answer":   func(m *machine) { s := m.sessions[1]; s.length++; m.setSession(1, s) },
		"one more value":   func(m *machine) { feed(m, add(1, 3, 5)); m.at-- },
		"another index":    func(m *machine) { m.at++ },
	} {
		m := fresh()
		change(m)
		if other, same := seen[m.hash()]; same {
			t.Errorf("%s looks like %s", name, other)
		}
		seen[m.hash()] = name
	}
}
