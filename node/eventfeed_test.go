package node

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/wraft/wraft/plugins"
)

// emitter is a machine that only emits. It keeps the newest events, up to keeps.
type emitter struct {
	Machine
	keeps   int
	kept    []plugins.Event
	dropped plugins.EventKey
}

func (m *emitter) emit(index uint64, texts ...string) {
	for i, text := range texts {
		m.kept = append(m.kept, plugins.Event{Index: index, N: i, Data: []byte(text)})
	}
	for len(m.kept) > m.keeps {
		m.dropped, m.kept = m.kept[0].Key(), m.kept[1:]
	}
}

func (m *emitter) LastEvent() plugins.EventKey {
	if n := len(m.kept); n > 0 {
		return m.kept[n-1].Key()
	}
	return m.dropped
}

func (m *emitter) DroppedEvent() plugins.EventKey { return m.dropped }

func (m *emitter) EventsAfter(key plugins.EventKey) (out []plugins.Event, complete bool) {
	for _, e := range m.kept {
		if e.Key().Compare(key) > 0 {
			out = append(out, e)
		}
	}
	return out, key.Compare(m.dropped) >= 0
}

func (m *emitter) EventBytesMax() int            { return 1 }
func (m *emitter) Succeed(last plugins.EventKey) { m.kept, m.dropped = nil, last }

// texts reads a feed from a key to its end.
func texts(t *testing.T, f *eventFeed, at plugins.EventKey) string {
	t.Helper()
	var out []string
	for {
		events, more, err := f.after(at)
		if err != nil {
			t.Fatal(err)
		}
		if more != nil {
			return strings.Join(out, " ")
		}
		for _, e := range events {
			out, at = append(out, string(e.Data)), e.Key()
		}
	}
}

func TestAFeedFollowsItsMachine(t *testing.T) {
	f, m := newEventFeed(), &emitter{keeps: 100}
	m.emit(3, "a", "b")
	f.follow(m)
	f.follow(m)
	m.emit(5, "c")
	f.follow(m)
	if got := texts(t, f, plugins.EventKey{}); got != "a b c" {
		t.Errorf("got %q", got)
	}
	if got := texts(t, f, plugins.EventKey{Index: 3}); got != "b c" {
		t.Errorf("got %q", got)
	}
	again := &emitter{keeps: 100} // made anew from an older state
	again.emit(3, "a", "b")
	f.follow(again)
	again.emit(5, "c")
	again.emit(6, "d")
	f.follow(again)
	if got := texts(t, f, plugins.EventKey{Index: 3}); got != "b c d" {
		t.Errorf("got %q", got)
	}
	next := &emitter{keeps: 100} // of an upgrade
	next.Succeed(again.LastEvent())
	f.follow(next)
	next.emit(9, "e")
	f.follow(next)
	if got := texts(t, f, plugins.EventKey{}); got != "a b c d e" {
		t.Errorf("got %q", got)
	}
	if s := f.stats(); s.Taken != 5 || s.KeptBytes != 5*(1+16) {
		t.Errorf("%+v", s)
	}
}

func TestAFeedSaysWhatIsGone(t *testing.T) {
	f, m := newEventFeed(), &emitter{keeps: 2}
	m.emit(3, "a", "b", "c")
	f.follow(m)
	wantGone := func(key plugins.EventKey, first uint64) {
		t.Helper()
		var gone *EventsGoneError
		if _, _, err := f.after(key); !errors.As(err, &gone) || gone.First != first {
			t.Errorf("%v: %v", key, err)
		}
	}
	wantGone(plugins.EventKey{}, 4)
	if start, _, _ := f.start(); texts(t, f, start) != "b c" {
		t.Errorf("it begins behind %v", start)
	}
	m.emit(4, "d")
	m.emit(5, "e", "f", "g") // more at once than the machine keeps
	f.follow(m)
	wantGone(plugins.EventKey{Index: 3, N: 2}, 6)
	if start, _, _ := f.start(); texts(t, f, start) != "f g" {
		t.Errorf("it begins behind %v", start)
	}
}

func TestAFeedIsBounded(t *testing.T) {
	f, m := newEventFeed(), &emitter{keeps: 1}
	large := strings.Repeat("x", 1<<20-16)
	for i := range uint64(9) {
		m.emit(i+1, large)
		f.follow(m)
	}
	if s := f.stats(); s.KeptBytes != eventFeedBytesMin {
		t.Errorf("%+v", s)
	}
	at, _, _ := f.start()
	for index := at.Index + 1; index <= 9; index++ {
		events, _, err := f.after(at)
		if err != nil || len(events) != 1 || events[0].Index != index {
			t.Fatalf("%d: %d events, %v", index, len(events), err)
		}
		at = events[0].Key()
	}
}

func TestReadersOfAFeedWait(t *testing.T) {
	f, m := newEventFeed(), &emitter{keeps: 10}
	if _, ready, _ := f.start(); ready {
		t.Error("it is ready before its machine is")
	}
	f.follow(m)
	got := make(chan string)
	const readers, events = 3, 50
	for range readers {
		go func() {
			at, text := plugins.EventKey{}, ""
			for {
				events, more, err := f.after(at)
				switch {
				case err != nil:
					got <- fmt.Sprint(text, err)
					return
				case more != nil:
					<-more
				}
				for _, e := range events {
					text, at = text+string(e.Data), e.Key()
				}
			}
		}()
	}
	want := ""
	for i := range uint64(events) {
		text := fmt.Sprint(i, " ")
		m.emit(i+1, text)
		f.follow(m)
		want += text
	}
	f.end(ErrStopping)
	f.end(context.Canceled)
	for range readers {
		if text := <-got; text != want+ErrStopping.Error() {
			t.Errorf("got %q", text)
		}
	}
}
