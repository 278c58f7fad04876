package client

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"sync"

	quicgo "github.com/quic-go/quic-go"

	"github.com/wraft/wraft/client/wire"
)

const (
	// nativeInflightMax bounds the calls of a connection that wait at once: what nodes
	// take before they stop reading.
	nativeInflightMax = 1024
	// smallDataBytes is what does not hold up others on its stream.
	smallDataBytes       = 16 << 10
	nativeReadBufferSize = 32 << 10
)

// The streams of a connection: frames on one wait for each other where packets are
// lost, or one of them is large.
const (
	laneSmall = iota
	laneLarge
	laneReads // whose answers may be large
	lanes
)

// errLeaving: the connection takes no further requests; use another one.
var errLeaving = errors.New("client: the node is about to close the connection")

// nativeConn is a connection with a node: calls of many goroutines at once, answered
// in any order.
type nativeConn struct {
	host  string
	quic  *quicgo.Conn
	alpn  string // the version that was negotiated
	out   [lanes]*wire.Outbox
	slots chan struct{}

	// mu guards the fields below.
	mu      sync.Mutex
	last    uint64
	waiting map[uint64]chan<- *wire.Answer // by ID; capacity 1, closed when none will come
	leaving bool
	err     error // why the connection has ended
}

// newNativeConn begins to use a connection. free is called when it has ended.
func newNativeConn(host string, quic *quicgo.Conn, free func()) (*nativeConn, error) {
	n := &nativeConn{
		host: host, quic: quic, alpn: quic.ConnectionState().TLS.NegotiatedProtocol, slots: make(chan struct{}, nativeInflightMax), waiting: make(map[uint64]chan<- *wire.Answer),
	}
	var streams [lanes]*quicgo.Stream
	for i := range streams {
		var err error
		if streams[i], err = quic.OpenStream(); err != nil {
			n.close(wire.CloseEnded, "")
			return nil, fmt.Errorf("client: %s: open a stream: %w", host, err)
		}
		n.out[i] = wire.NewOutbox(streams[i])
	}
	var running sync.WaitGroup
	for i, stream := range streams {
		running.Go(func() { n.fail(n.out[i].Run()) })
		running.Go(func() { n.fail(n.read(stream)) })
	}
	go func() {
		<-quic.Context().Done()
		n.fail(context.Cause(quic.Context()))
		running.Wait()
		free()
	}()
	return n, nil
}

// usable reports whether calls may begin.
func (n *nativeConn) usable() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.err == nil && !n.leaving
}

// ask sends r under an ID of its own and waits for the answer. sent says whether the
// node may have got it.
func (n *nativeConn) ask(ctx context.Context, r *wire.Request) (a *wire.Answer, sent bool, err error) {
	select {
	case n.slots <- struct{}{}:
		defer func() { <-n.slots }()
	case <-ctx.Done():
		return nil, false, ctx.Err()
	}
	answered := make(chan *wire.Answer, 1)
	if r.ID, err = n.begin(answered); err != nil {
		return nil, false, err
	}
	defer n.end(r.ID)
	out := n.lane(r)
	if err := out.Send(ctx, r); err != nil {
		return nil, false, err
	}
	select {
	case a, ok := <-answered:
		if !ok {
			return nil, true, n.cause()
		}
		return a, true, nil
	case <-ctx.Done():
		// Why the error is dropped: it only spares the node work, if there is room for it.
		_ = out.Send(ctx, &wire.Request{ID: r.ID, Kind: wire.KindCancel})
		return nil, true, ctx.Err()
	}
}

// lane is the way of a request.
func (n *nativeConn) lane(r *wire.Request) *wire.Outbox {
	switch {
	case len(r.Data) > smallDataBytes || r.Kind == wire.KindBatch:
		return n.out[laneLarge]
	case r.Kind == wire.KindQuery || r.Kind == wire.KindMachine || r.Kind == wire.KindEvents:
		return n.out[laneReads]
	}
	return n.out[laneSmall]
}

// begin enters a call.
func (n *nativeConn) begin(answered chan<- *wire.Answer) (uint64, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case n.err != nil:
		return 0, n.err
	case n.leaving:
		return 0, errLeaving
	}
	n.last++
	n.waiting[n.last] = answered
	return n.last, nil
}

// end strikes out a call. The last one of a connection that is left closes it.
func (n *nativeConn) end(id uint64) {
	n.mu.Lock()
	delete(n.waiting, id)
	over := n.leaving && len(n.waiting) == 0
	n.mu.Unlock()
	if over {
		n.close(wire.CloseEnded, "")
	}
}

// leave ends the connection once nobody waits for an answer.
func (n *nativeConn) leave() {
	n.mu.Lock()
	n.leaving = true
	over := len(n.waiting) == 0
	n.mu.Unlock()
	if over {
		n.close(wire.CloseEnded, "")
	}
}

// read takes the answers of a stream.
func (n *nativeConn) read(stream *quicgo.Stream) error {
	in := bufio.NewReaderSize(stream, nativeReadBufferSize)
	for {
		size, err := wire.ReadSize(in, answerBytesMax)
		if err != nil {
			return err
		}
		body, err := wire.ReadBody(in, size)
		if err != nil {
			return err
		}
		a, err := wire.DecodeAnswer(body)
		if err != nil {
			return err
		}
		if a.ID == wire.AnswerOfConnection {
			n.leave()
			continue
		}
		n.deliver(a)
	}
}

// deliver hands over an answer. One that nobody waits for any more is dropped.
func (n *nativeConn) deliver(a *wire.Answer) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if answered, ok := n.waiting[a.ID]; ok {
		delete(n.waiting, a.ID)
		answered <- a
	}
}

// fail ends the connection for a reason; the first one counts.
func (n *nativeConn) fail(err error) {
	if ended := context.Cause(n.quic.Context()); ended != nil {
		err = ended // Why: what reading and writing say of it follows from that
	}
	n.mu.Lock()
	if n.err == nil {
		n.err = err
		for id, answered := range n.waiting {
			close(answered)
			delete(n.waiting, id)
		}
	}
	n.mu.Unlock()
	for _, out := range n.out {
		out.Close(err)
	}
	n.close(wire.CloseMalformed, err.Error())
}

// cause is why the connection has ended.
func (n *nativeConn) cause() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.err
}

// close closes the connection, if it is not.
func (n *nativeConn) close(code wire.CloseCode, reason string) {
	// Why the error is dropped: it would be that the connection has ended.
	_ = n.quic.CloseWithError(quicgo.ApplicationErrorCode(code), reason)
}
