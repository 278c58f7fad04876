package node

import (
	"context"
	"errors"
	"io"
	"iter"

	"github.com/wraft/wraft/plugins"
)

// restoredState is what was made of a state that came through the log.
type restoredState struct {
	state    snapshotState
	sessions *Sessions
	keys     *Keys
	machine  Machine
}

// stateFeed makes a machine of a state of which the bytes come entry by entry.
//
// Why a coroutine and not a buffer: a state may be larger than memory has room for
// twice, and not a goroutine: it runs only within the entry that feeds it, so what
// comes of each entry follows from the log alone.
type stateFeed struct {
	next func() (struct{}, bool)
	stop func()
	rest []byte
	last bool // no more bytes will come

	made restoredState
	err  error // of making it; valid when ended
	over bool
}

// newStateFeed begins; read gets all bytes of the state.
func newStateFeed(read func(io.Reader) (restoredState, error)) *stateFeed {
	f := &stateFeed{}
	f.next, f.stop = iter.Pull(func(yield func(struct{}) bool) {
		f.made, f.err = read(feedReader{f, yield})
		f.over = true
	})
	return f
}

// give passes bytes on and reports whether more can be of use.
func (f *stateFeed) give(b []byte) (more bool) {
	f.rest = b
	_, more = f.next()
	return more
}

// end says that there are no more bytes and returns what was made of them.
func (f *stateFeed) end() (restoredState, error) {
	f.last = true
	for !f.over {
		if _, more := f.next(); !more {
			break
		}
	}
	f.stop()
	return f.made, f.err
}

// abandon gives the state up, with whatever was made of it.
func (f *stateFeed) abandon(ctx context.Context) {
	f.stop()
	if f.over && f.err == nil && f.made.machine != nil {
		_ = f.made.machine.Close(ctx) // it holds nothing that is needed
	}
}

// feedReader reads what a feed is given, and lets the giver go on when there is nothing
// left.
type feedReader struct {
	feed  *stateFeed
	yield func(struct{}) bool
}

// Read implements io.Reader.
func (r feedReader) Read(p []byte) (int, error) {
	for len(r.feed.rest) == 0 {
		if r.feed.last {
			return 0, io.EOF
		}
		if !r.yield(struct{}{}) {
			return 0, errAbandoned
		}
	}
	n := copy(p, r.feed.rest)
	r.feed.rest = r.feed.rest[n:]
	return n, nil
}

// faultOfState reports whether an error says that a state is not one of its machine,
// which every replica finds alike; anything else is trouble of this node.
func faultOfState(err error) bool {
	var guest *plugins.GuestError
	return errors.Is(err, ErrSnapshotState) || errors.Is(err, plugins.ErrImage) || errors.As(err, &guest)
}
