package quic

import (
	"errors"
	"testing"

	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/transport"
	"github.com/wraft/wraft/transport/wire"
)

func vote(term int) transport.Frame {
	return transport.Frame{Group: 1, Payload: raft.Vote{Term: raft.Term(term)}}
}

func terms(frames []transport.Frame) []int {
	var out []int
	for _, f := range frames {
		out = append(out, int(f.Payload.(raft.Vote).Term))
	}
	return out
}

func TestQueueRefusesWhatDoesNotFit(t *testing.T) {
	q := newQueue(transport.ClassAppend, 100, 3)
	push := func(size int) error { _, err := q.push(vote(1), size); return err }
	if err := push(500); err != nil {
		t.Errorf("into an empty queue: %v", err)
	}
	if err := push(1); !errors.Is(err, transport.ErrQueueFull) {
		t.Errorf("behind more bytes than the bound: %v", err)
	}
	frames, bytes := q.take(nil)
	if len(frames) != 1 || bytes != 500 {
		t.Fatalf("took %d frames of %d bytes", len(frames), bytes)
	}
	if err := push(1); !errors.Is(err, transport.ErrQueueFull) {
		t.Errorf("while those bytes are being written: %v", err)
	}
	q.written(bytes)
	for i := range 3 {
		if err := push(1); err != nil {
			t.Errorf("frame %d: %v", i, err)
		}
	}
	if dropped, err := q.push(vote(1), 1); dropped != 1 || !errors.Is(err, transport.ErrQueueFull) {
		t.Errorf("a fourth frame: %d dropped, %v", dropped, err)
	}
	if frames, bytes = q.take(nil); len(frames) != 3 || bytes != 3 {
		t.Errorf("took %d frames of %d bytes", len(frames), bytes)
	}
	q.written(bytes)
	if q.bytes != 0 {
		t.Errorf("%d bytes are left in the count of an empty queue", q.bytes)
	}
}

func TestControlQueueLetsTheOldestFall(t *testing.T) {
	q := newQueue(transport.ClassControl, 1000, 4)
	total := 0
	for term := range 100 {
		dropped, err := q.push(vote(term), 10)
		if err != nil {
			t.Fatal(err)
		}
		total += dropped
	}
	frames, bytes := q.take(nil)
	if got := terms(frames); len(got) != 4 || got[0] != 96 || got[3] != 99 {
		t.Errorf("left are %v", got)
	}
	if total != 96 || bytes != 40 {
		t.Errorf("%d fell, %d bytes are left", total, bytes)
	}
	q.written(bytes)
	if _, err := q.push(vote(1), 990); err != nil {
		t.Fatal(err)
	}
	if dropped, err := q.push(vote(2), 20); dropped != 1 || err != nil {
		t.Errorf("by bytes: %d fell, %v", dropped, err)
	}
	if frames, _ = q.take(nil); len(frames) != 1 || terms(frames)[0] != 2 || q.bytes != 20 {
		t.Errorf("left are %v, %d bytes", terms(frames), q.bytes)
	}
}

func TestBeatQueueKeepsTheNewestOfEachGroup(t *testing.T) {
	q := newBeatQueue(3)
	push := func(group raft.GroupID, p transport.Payload) (int, error) {
		return q.push(transport.Frame{Group: group, Payload: p})
	}
	dropped := 0
	for round := range uint64(10) {
		for _, p := range []transport.Payload{raft.Heartbeat{Round: round}, raft.HeartbeatReply{Round: round}} {
			d, err := push(1, p)
			if err != nil {
				t.Fatal(err)
			}
			dropped += d
		}
	}
	if _, err := push(2, raft.Heartbeat{Round: 5}); err != nil {
		t.Fatal(err)
	}
	if d, err := push(3, raft.Heartbeat{}); d != 1 || !errors.Is(err, transport.ErrQueueFull) {
		t.Errorf("a group too many: %d, %v", d, err)
	}
	frames := q.take(nil)
	want := []transport.Frame{
		{Group: 1, Payload: raft.Heartbeat{Round: 9}}, {Group: 1, Payload: raft.HeartbeatReply{Round: 9}}, {Group: 2, Payload: raft.Heartbeat{Round: 5}},
	}
	if len(frames) != 3 || frames[0] != want[0] || frames[1] != want[1] || frames[2] != want[2] || dropped != 18 {
		t.Errorf("left are %+v, %d fell", frames, dropped)
	}
	if again := q.take(frames); len(again) != 0 {
		t.Errorf("taken twice: %+v", again)
	}
	if _, err := push(3, raft.Heartbeat{}); err != nil {
		t.Errorf("after it was emptied: %v", err)
	}
}

func TestHeartbeatsArePackedIntoDatagrams(t *testing.T) {
	var frames []transport.Frame
	for group := range raft.GroupID(500) {
		frames = append(frames, transport.Frame{Group: group, Payload: raft.Heartbeat{Term: 1 << 40, Commit: 1 << 40, Round: 1 << 40}})
	}
	var got []transport.Frame
	packets := 0
	for i := 0; i < len(frames); packets++ {
		packet, n := pack(nil, frames[i:])
		if n == 0 || len(packet) > datagramBytes {
			t.Fatalf("a packet of %d frames and %d bytes", n, len(packet))
		}
		var err error
		if got, err = wire.DecodePacket(packet, transport.ClassControl, got); err != nil {
			t.Fatal(err)
		}
		i += n
	}
	if len(got) != len(frames) || got[499] != frames[499] || packets > 25 {
		t.Errorf("%d of %d frames in %d packets", len(got), len(frames), packets)
	}
}
