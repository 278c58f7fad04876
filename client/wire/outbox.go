package wire

import (
	"bytes"
	"context"
	"errors"
	"io"
	"runtime"
	"sync"
)

const (
	// OutboxBytesMax is how much may wait in an outbox before senders do.
	OutboxBytesMax = 1 << 20
	// keepBytesMax is the largest buffer that is used again.
	keepBytesMax = 256 << 10
)

// ErrClosed is what Send fails with after Close was called without another reason.
var ErrClosed = errors.New("wire: outbox is closed")

// Outbox gathers the frames of many goroutines and writes all that wait at once: under
// load a packet carries many of them.
type Outbox struct {
	w    io.Writer
	wake chan struct{} // holds one when there is something to write, or an end

	// mu guards the fields below.
	mu      sync.Mutex
	waiting *bytes.Buffer
	spare   *bytes.Buffer
	writing bool
	room    chan struct{} // closed when waiting was taken; nil while nobody needs it
	err     error         // after the end
}

// NewOutbox is an outbox that writes to w; Run does it.
func NewOutbox(w io.Writer) *Outbox {
	return &Outbox{w: w, wake: make(chan struct{}, 1), waiting: new(bytes.Buffer), spare: new(bytes.Buffer)}
}

// Send puts a message in, and waits for room until ctx ends. nil says that it will be
// written unless the outbox ends first; an error that not a byte of it ever is.
func (o *Outbox) Send(ctx context.Context, message any) error {
	for {
		full, err := o.put(message)
		if full == nil {
			return err
		}
		select {
		case <-full:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// put puts a message in, or returns what is closed when it is worth another try.
func (o *Outbox) put(message any) (full <-chan struct{}, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case o.err != nil:
		return nil, o.err
	case o.waiting.Len() >= OutboxBytesMax:
		if o.room == nil {
			o.room = make(chan struct{})
		}
		return o.room, nil
	}
	if err := Append(o.waiting, message); err != nil {
		return nil, err
	}
	o.signal()
	return nil, nil
}

// Run writes until Close is called or a write fails, and returns the reason.
func (o *Outbox) Run() error {
	for range o.wake {
		// Why: whoever waits on a channel runs before all others that are ready, and many others
		// are about to put something in. Behind them a packet carries all of it.
		runtime.Gosched()
		out, err := o.take()
		if err != nil {
			return err
		}
		if _, err := o.w.Write(out.Bytes()); err != nil {
			o.Close(err)
			return err
		}
		o.giveBack(out)
	}
	return nil
}

// take takes all that waits, or tells that the end has come.
func (o *Outbox) take() (*bytes.Buffer, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	out := o.waiting
	o.waiting, o.spare = o.spare, nil
	if o.waiting == nil {
		o.waiting = new(bytes.Buffer)
	}
	o.writing = true
	o.makeRoom()
	return out, o.err
}

// giveBack keeps a written buffer for the next time, unless it is large.
func (o *Outbox) giveBack(out *bytes.Buffer) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.writing = false
	if out.Cap() <= keepBytesMax {
		out.Reset()
		o.spare = out
	}
}

// Idle reports that everything was written.
func (o *Outbox) Idle() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.err != nil || !o.writing && o.waiting.Len() == 0
}

// Close ends the outbox: Send and Run fail with err, or ErrClosed when it is nil. What
// waits is not written.
func (o *Outbox) Close(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err != nil {
		return
	}
	if o.err = err; err == nil {
		o.err = ErrClosed
	}
	o.makeRoom()
	o.signal()
}

// makeRoom wakes those that wait for room; mu is held.
func (o *Outbox) makeRoom() {
	if o.room != nil {
		close(o.room)
		o.room = nil
	}
}

// signal has Run look; mu is held or not.
func (o *Outbox) signal() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}
