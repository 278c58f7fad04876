package node

import (
	"fmt"
	"slices"
	"sync"

	"github.com/wraft/wraft/plugins"
)

const (
	// eventFeedBytesMin is what a feed keeps at least, and more when the machine's limits
	// let it keep more by itself.
	eventFeedBytesMin = 4 << 20
	// eventReadBytesMax is about how much a reader is given at a time; one event may be more.
	eventReadBytesMax = 256 << 10
)

// EventsGoneError: events that were asked for are not kept any more. Read on from First,
// and take what was missed from the machine's state.
type EventsGoneError struct {
	// First is the first index from which on all events are kept.
	First uint64
}

// Error names the index.
func (e *EventsGoneError) Error() string {
	return fmt.Sprintf("node: events before index %d are not kept any more", e.First)
}

// eventFeed hands the newest events of the machine of one replica to readers, who may be
// any goroutines. What the machine keeps by itself is the authority: the feed follows it.
//
// Why not read the machine's own: it belongs to its applier's goroutine, and an upgrade
// begins with none, whereas who reads along is to see what came just before.
type eventFeed struct {
	changed *broadcast // there are more, or the end has come

	mu       sync.Mutex // guards the fields below
	ready    bool       // the machine runs, or did
	ended    error      // nil: it goes on
	bytesMax int
	bytes    int
	kept     []plugins.Event  // ascending by key
	dropped  plugins.EventKey // of the newest event that is not kept
	taken    uint64
}

func newEventFeed() *eventFeed { return &eventFeed{changed: newBroadcast()} }

// follow takes over what a machine has emitted since. Why nil is allowed: an applier
// in the simulator has no readers.
func (f *eventFeed) follow(m Machine) {
	if f == nil {
		return
	}
	f.mu.Lock()
	news := !f.ready
	f.ready = true
	if k, ok := m.(eventKeeper); ok && k.LastEvent().Compare(f.last()) > 0 { // a machine that is made anew comes by the same again
		f.take(k)
		news = true
	}
	f.mu.Unlock()
	if news {
		f.changed.notify()
	}
}

// take appends what the machine has behind the newest event; mu is held.
func (f *eventFeed) take(m eventKeeper) {
	events, complete := m.EventsAfter(f.last())
	if !complete { // a snapshot, or a lot of events at once, led past some
		f.kept, f.bytes, f.dropped = nil, 0, m.DroppedEvent()
	}
	f.bytesMax = max(eventFeedBytesMin, m.EventBytesMax())
	f.taken += uint64(len(events))
	f.kept = append(f.kept, events...)
	for _, e := range events {
		f.bytes += e.Bytes()
	}
	n := 0
	for ; f.bytes > f.bytesMax; n++ {
		f.bytes -= f.kept[n].Bytes()
		f.dropped = f.kept[n].Key()
	}
	clear(f.kept[:n])
	f.kept = f.kept[n:]
}

// last is the place of the newest event; mu is held.
func (f *eventFeed) last() plugins.EventKey {
	if n := len(f.kept); n > 0 {
		return f.kept[n-1].Key()
	}
	return f.dropped
}

// end tells readers that nothing comes any more, and why. The first reason counts.
func (f *eventFeed) end(cause error) {
	f.mu.Lock()
	if f.ended == nil {
		f.ended = cause
	}
	f.mu.Unlock()
	f.changed.notify()
}

// after returns the next events behind a key, which are the caller's, or none and a
// channel that is closed when to look again. Errors: *EventsGoneError, and the end's.
func (f *eventFeed) after(key plugins.EventKey) ([]plugins.Event, <-chan struct{}, error) {
	more := f.changed.next()
	f.mu.Lock()
	defer f.mu.Unlock()
	if key.Compare(f.dropped) < 0 {
		return nil, nil, &EventsGoneError{First: f.dropped.Index + 1}
	}
	at, _ := slices.BinarySearchFunc(f.kept, key, func(e plugins.Event, key plugins.EventKey) int {
		if e.Key().Compare(key) <= 0 {
			return -1
		}
		return 1
	})
	n, bytes := at, 0
	for ; n < len(f.kept) && (n == at || bytes+f.kept[n].Bytes() <= eventReadBytesMax); n++ {
		bytes += f.kept[n].Bytes()
	}
	if n == at {
		return nil, more, f.ended
	}
	return slices.Clone(f.kept[at:n]), nil, nil
}

// start is where a reader begins that wants whatever is kept.
func (f *eventFeed) start() (key plugins.EventKey, ready bool, ended error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.dropped, f.ready, f.ended
}

// EventStats counts what a replica has handed to its readers.
type EventStats struct {
	Taken     uint64 // events, since the node started
	KeptBytes int
}

func (f *eventFeed) stats() EventStats {
	f.mu.Lock()
	defer f.mu.Unlock()
	return EventStats{Taken: f.taken, KeptBytes: f.bytes}
}
