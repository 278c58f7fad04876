package quic

import (
	"fmt"
	"sync"

	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/transport"
	"github.com/wraft/wraft/transport/wire"
)

// beatKey says which heartbeats make each other useless.
type beatKey struct {
	group raft.GroupID
	reply bool
}

// beatQueue holds the newest heartbeat and the newest heartbeat reply of each
// group, in the order in which the groups first asked.
type beatQueue struct {
	framesMax int
	wake      chan struct{} // holds a token when frames wait

	mu     sync.Mutex // guards all below
	frames []transport.Frame
	at     map[beatKey]int // index in frames
}

func newBeatQueue(framesMax int) *beatQueue {
	return &beatQueue{framesMax: framesMax, wake: make(chan struct{}, 1), at: map[beatKey]int{}}
}

// push adds a frame, or puts it in the place of an older one, which then counts
// as dropped.
func (q *beatQueue) push(f transport.Frame) (dropped int, err error) {
	_, reply := f.Payload.(raft.HeartbeatReply)
	key := beatKey{f.Group, reply}
	q.mu.Lock()
	defer q.mu.Unlock()
	if i, waits := q.at[key]; waits {
		q.frames[i] = f
		return 1, nil
	}
	if len(q.frames) >= q.framesMax {
		return 1, fmt.Errorf("%w: heartbeats of %d groups", transport.ErrQueueFull, q.framesMax)
	}
	q.at[key] = len(q.frames)
	q.frames = append(q.frames, f)
	signal(q.wake)
	return 0, nil
}

// take empties the queue into the given slice, whose memory the queue uses next.
func (q *beatQueue) take(spare []transport.Frame) []transport.Frame {
	q.mu.Lock()
	defer q.mu.Unlock()
	frames := q.frames
	q.frames = spare[:0]
	clear(q.at)
	return frames
}

// writeBeats packs heartbeats into datagrams until the connection ends.
//
// Why datagrams only for these: a lost heartbeat is made good by the next one,
// while a lost vote or read would cost an election timeout or a retry; those go
// over a stream, which repeats them. Why a queue of ours: the connection's own
// holds 32 datagrams and blocks behind them, and would send what is long stale.
func (l *link) writeBeats() {
	fallback := frameStream{l: l, class: transport.ClassControl}
	datagrams := l.conn.ConnectionState().SupportsDatagrams.Remote
	var frames []transport.Frame
	var packet []byte
	for {
		select {
		case <-l.beats.wake:
		case <-l.conn.Context().Done():
			return
		}
		l.writeChecks()
		frames = l.beats.take(frames)
		for i := 0; i < len(frames); {
			var next int
			packet, next = pack(packet[:0], frames[i:])
			if !datagrams || l.conn.SendDatagram(packet) != nil {
				// Too large for the path's packets, or not supported.
				for _, f := range frames[i : i+next] {
					fallback.add(f)
				}
				fallback.flush()
			}
			i += next
		}
		clear(frames)
	}
}

// pack encodes as many frames as fit into a datagram, at least one, and returns
// how many.
func pack(packet []byte, frames []transport.Frame) (_ []byte, count int) {
	for _, f := range frames {
		longer, err := wire.Append(packet, f)
		if err == nil && len(longer) > datagramBytes && count > 0 {
			return packet, count
		}
		packet = longer
		count++
	}
	return packet, count
}
