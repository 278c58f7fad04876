package node

import (
	"testing"

	"pgregory.net/rapid"
)

func TestSessionVerdicts(t *testing.T) {
	s := NewSessions()
	id := s.Open()
	steps := []struct {
		name               string
		session            SessionID
		sequence, ackBelow uint64
		want               Verdict
		store              bool
	}{
		{"first", id, 1, 0, VerdictExecute, true},
		{"its repeat", id, 1, 0, VerdictReplay, false},
		{"out of order", id, 3, 0, VerdictExecute, true},
		{"the one between", id, 2, 0, VerdictExecute, true},
		{"acknowledging 1 and 2", id, 4, 3, VerdictExecute, true},
		{"what was acknowledged", id, 2, 0, VerdictStale, false},
		{"what was not", id, 3, 0, VerdictReplay, false},
		{"sequence 0", id, 0, 0, VerdictStale, false},
		{"an unknown session", id + 1, 1, 0, VerdictExpired, false},
		{"the end of the window", id, 3 + SessionWindow - 1, 0, VerdictExecute, true},
		{"beyond the window", id, 3 + SessionWindow, 0, VerdictWindow, false},
		{"an acknowledgement beyond its own sequence", id, 5, 1 << 60, VerdictExecute, true},
		{"the window has moved with it only so far", id, 4, 0, VerdictStale, false},
	}
	for _, st := range steps {
		got, _ := s.Judge(st.session, st.sequence, st.ackBelow)
		if got != st.want {
			t.Fatalf("%s: verdict %d, want %d", st.name, got, st.want)
		}
		if st.store {
			s.Store(st.session, st.sequence, Answer{Data: []byte{byte(st.sequence)}})
		}
	}
}

func TestSessionsEvictTheLeastRecentlyUsed(t *testing.T) {
	s := NewSessions()
	oldest, second := s.Open(), s.Open()
	for range SessionsMax - 2 {
		s.Open()
	}
	s.Judge(oldest, 1, 0) // a use
	s.Open()
	if v, _ := s.Judge(oldest, 1, 0); v != VerdictExecute {
		t.Errorf("the session used last was evicted: verdict %d", v)
	}
	if v, _ := s.Judge(second, 1, 0); v != VerdictExpired {
		t.Errorf("the least recently used session is still there: verdict %d", v)
	}
	if s.Len() != SessionsMax {
		t.Errorf("%d sessions, want %d", s.Len(), SessionsMax)
	}
}

func TestSessionsBoundTheirBytes(t *testing.T) {
	s := NewSessions()
	first, answer := s.Open(), make([]byte, SessionAnswerBytesMax/4)
	for seq := uint64(1); seq <= 3; seq++ {
		s.Store(first, seq, Answer{Data: answer})
	}
	second := s.Open()
	s.Store(second, 1, Answer{Data: answer})
	s.Store(second, 2, Answer{Data: answer})
	if v, _ := s.Judge(first, 1, 0); v != VerdictExpired {
		t.Errorf("the older session outlived the bound: verdict %d", v)
	}
	if v, _ := s.Judge(second, 2, 0); v != VerdictReplay {
		t.Errorf("the newer session lost its answers: verdict %d", v)
	}
}

// TestSessionsNeverRunTwice plays clients that repeat at will against a model: a
// sequence is executed at most once, and its repeat gives the first answer.
func TestSessionsNeverRunTwice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := NewSessions()
		id := s.Open()
		executed := map[uint64]byte{}
		low := uint64(1)
		for i := range rapid.IntRange(1, 200).Draw(t, "steps") {
			seq := rapid.Uint64Range(1, 20).Draw(t, "sequence")
			ack := rapid.Uint64Range(0, 20).Draw(t, "ack")
			verdict, answer := s.Judge(id, seq, ack)
			low = max(low, min(ack, seq))
			first, done := executed[seq]
			switch verdict {
			case VerdictExecute:
				if done {
					t.Fatalf("sequence %d was executed twice", seq)
				}
				executed[seq] = byte(i)
				s.Store(id, seq, Answer{Data: []byte{byte(i)}})
			case VerdictReplay:
				if !done || answer.Data[0] != first {
					t.Fatalf("sequence %d: replayed %v, the first answer was %v (%v)", seq, answer.Data, first, done)
				}
			case VerdictStale:
				if seq >= low {
					t.Fatalf("sequence %d is stale, acknowledged are those below %d", seq, low)
				}
			default:
				t.Fatalf("verdict %d", verdict)
			}
		}
	})
}

// TestSessionNumbersAreOfOneGroup: tables of two groups never give the same number out, also
// when the later one began with a backup of the other, and no table gives one out twice.
func TestSessionNumbersAreOfOneGroup(t *testing.T) {
	first, again := NewSessions(), NewSessions()
	if id := first.Open(); id != 1 {
		t.Errorf("as long as nothing is said the numbers are those of the release before: %d", id)
	}
	first.NumberIn(2)
	again.NumberIn(3)
	a, b := first.Open(), again.Open()
	if a != 2<<32 || b != 3<<32 {
		t.Errorf("the first sessions of groups 2 and 3 are %#x and %#x", a, b)
	}
	backup, err := restoreSessions(first.next, first.uses, first.snapshot())
	if err != nil {
		t.Fatal(err)
	}
	first.NumberIn(2)
	later := first.Open() // behind the backup: whoever is restored from it does not know
	backup.NumberIn(3)
	if id := backup.Open(); id != b || later != a+1 {
		t.Errorf("sessions %#x of the group of the backup, %#x of the one behind it", later, id)
	}
	if v, _ := backup.Judge(a, 1, 0); v != VerdictExecute {
		t.Errorf("a session of the backup: verdict %d", v)
	}
	if v, _ := backup.Judge(later, 1, 0); v != VerdictExpired {
		t.Errorf("a session that is not: verdict %d", v)
	}
	backup.NumberIn(2)
	if id := backup.Open(); id != b+1 {
		t.Errorf("the numbers have gone back: %#x", id)
	}
}
