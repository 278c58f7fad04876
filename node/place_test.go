package node

import (
	"context"
	"errors"
	"testing"

	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/transport"
)

// passedForTest is a command of a peer whose answer goes nowhere.
func passedForTest(p *passed, id uint64) *passedCommand {
	w := &forwardedCall{from: 2, id: id}
	w.done.Store(true)
	return p.add(w)
}

// TestPlacesOfPassedCommands are told when they are known, once, and nothing of them stays.
func TestPlacesOfPassedCommands(t *testing.T) {
	p := newPassed()
	early, late := newCall(), newCall()
	c := passedForTest(p, 7)
	p.tell(2, 7, early)
	p.tell(3, 7, late)
	if r := <-late.done; !errors.Is(r.err, errAnswered) {
		t.Errorf("another peer's command: %+v", r)
	}
	if len(early.done) != 0 {
		t.Error("told before it was known")
	}
	c.accept(12, 3)
	if r := <-early.done; r.err != nil || r.answer.Index != 12 || r.answer.Term != 3 {
		t.Errorf("asked before: %+v", r)
	}
	late = newCall()
	p.tell(2, 7, late)
	if r := <-late.done; r.err != nil || r.answer.Index != 12 || r.answer.Term != 3 {
		t.Errorf("asked behind: %+v", r)
	}
	again := passedForTest(p, 7) // of the peer's next process
	asked := newCall()
	p.tell(2, 7, asked)
	c.resolve(reply{})
	if len(asked.done) != 0 || len(p.calls) != 1 {
		t.Error("the end of one was taken for the other's")
	}
	again.resolve(reply{err: errors.New("refused")})
	if r := <-asked.done; !errors.Is(r.err, errAnswered) || len(p.calls) != 0 {
		t.Errorf("asked for what then was refused: %+v, %d are left", r, len(p.calls))
	}
}

// TestPlaceOfAnEarlierRelease: whoever does not tell the place is not waited for, and what is
// known of it is in errors that leave the outcome open, and in no other.
func TestPlaceOfAnEarlierRelease(t *testing.T) {
	w, f := newCall(), newForwards()
	id, _ := f.add(2, placeOf{w})
	body, err := batchEncoding.Marshal(encodeForwardReply(reply{err: errors.New("node: unknown forwarded operation 17")}))
	if err != nil {
		t.Fatal(err)
	}
	f.reply(2, transport.ForwardReply{ID: id, Body: body})
	var unknown *UnknownOutcomeError
	if err := w.unknown(context.DeadlineExceeded); !errors.As(err, &unknown) || unknown.Index != 0 {
		t.Errorf("without a place: %v", err)
	}
	f.add(2, placeOf{w})
	body, err = batchEncoding.Marshal(encodeForwardReply(reply{answer: Answer{Index: 5, Term: 2}}))
	if err != nil {
		t.Fatal(err)
	}
	f.reply(2, transport.ForwardReply{ID: id + 1, Body: body})
	for _, cause := range []error{context.Canceled, ErrStopping, &UnknownOutcomeError{Cause: errors.New("the connection fell")}} {
		if err := w.unknown(cause); !errors.As(err, &unknown) || unknown.Index != 5 || unknown.Term != 2 {
			t.Errorf("%v became %v", cause, err)
		}
	}
	told := &UnknownOutcomeError{Index: 4, Term: 1, Cause: errors.New("another leads")}
	for _, other := range []error{told, ErrBusy, &raft.NotLeaderError{}} {
		if err := w.unknown(other); err != other {
			t.Errorf("%v became %v", other, err)
		}
	}
}
