package mem

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/transport"
)

// recorder is a Handler that keeps all it is told.
type recorder struct {
	mu     sync.Mutex
	frames map[raft.NodeID][]transport.Frame
	when   []time.Time // of each frame
	log    []string    // ups and downs, in order
	files  map[string][]byte
}

func newRecorder() *recorder {
	return &recorder{frames: map[raft.NodeID][]transport.Frame{}, files: map[string][]byte{}}
}

func (r *recorder) Deliver(sender raft.Member, frames []transport.Frame) {
	from := sender.Node
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, f := range frames {
		r.frames[from] = append(r.frames[from], f)
		r.when = append(r.when, time.Now())
	}
}

func (r *recorder) note(text string, peer raft.NodeID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.log = append(r.log, fmt.Sprint(text, " ", peer))
}
func (r *recorder) PeerUp(peer raft.NodeID, boot uint64) {
	r.note("up", peer)
	if boot != 1 {
		r.note(fmt.Sprint("boot ", boot, " of"), peer)
	}
}
func (r *recorder) PeerDown(peer raft.NodeID) { r.note("down", peer) }
func (r *recorder) PeerGone(peer raft.NodeID, boot uint64) {
	r.note(fmt.Sprint("gone ", boot, " of"), peer)
}

type file struct{ *bytes.Reader }

func (file) Close() error { return nil }

func (r *recorder) ServeFile(name string) (io.ReadSeekCloser, int64, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	data, ok := r.files[name]
	if !ok {
		return nil, 0, transport.ErrNotFound
	}
	return file{bytes.NewReader(data)}, int64(len(data)), nil
}

func (r *recorder) from(id raft.NodeID) []transport.Frame {
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.frames[id])
}

func (r *recorder) story() []string {
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.log)
}

// cluster is a Switch with nodes 1 to n that list each other.
type cluster struct {
	*Switch
	t     *testing.T
	nets  map[raft.NodeID]*Network
	nodes map[raft.NodeID]*recorder
	peers []transport.Peer
}

func newCluster(t *testing.T, n int, cfg Config) *cluster {
	t.Helper()
	s, err := NewSwitch(cfg)
	if err != nil {
		t.Fatal(err)
	}
	c := &cluster{Switch: s, t: t, nets: map[raft.NodeID]*Network{}, nodes: map[raft.NodeID]*recorder{}}
	for id := raft.NodeID(1); id <= raft.NodeID(n); id++ {
		c.peers = append(c.peers, transport.Peer{ID: id})
	}
	for _, peer := range c.peers {
		c.join(peer.ID)
	}
	t.Cleanup(func() {
		for _, net := range c.nets {
			_ = net.Close()
		}
	})
	return c
}

func (c *cluster) join(id raft.NodeID) {
	c.t.Helper()
	c.nodes[id] = newRecorder()
	net, err := c.Join(id, c.nodes[id])
	if err != nil {
		c.t.Fatal(err)
	}
	c.nets[id] = net
	net.SetPeers(c.peers)
}

func (c *cluster) send(from, to raft.NodeID, commit int) {
	c.t.Helper()
	if err := c.nets[from].Send(to, beat(commit)); err != nil {
		c.t.Fatal(err)
	}
}

func beat(commit int) transport.Frame {
	return transport.Frame{Group: 1, Payload: raft.Heartbeat{Term: 1, Commit: raft.Index(commit)}}
}

// commits reads back what beat put into frames.
func commits(frames []transport.Frame) []int {
	var out []int
	for _, f := range frames {
		out = append(out, int(f.Payload.(raft.Heartbeat).Commit))
	}
	return out
}

func TestDeliversInOrderAfterTheDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3, Config{Link: Link{Delay: 30 * time.Millisecond}})
		start := time.Now()
		for i := range 600 {
			c.send(1, 2, i)
		}
		c.send(3, 2, 7)
		if got := c.nodes[2].from(1); len(got) != 0 {
			t.Fatalf("%d frames arrived before their time", len(got))
		}
		time.Sleep(30 * time.Millisecond)
		got := commits(c.nodes[2].from(1))
		if len(got) != 600 || !slices.IsSorted(got) {
			t.Errorf("%d frames of 600 arrived, or out of order", len(got))
		}
		if got := commits(c.nodes[2].from(3)); !slices.Equal(got, []int{7}) {
			t.Errorf("from 3 came %v", got)
		}
		if at := c.nodes[2].when[0].Sub(start); at != 30*time.Millisecond {
			t.Errorf("arrived after %s", at)
		}
	})
}

func TestNodesShareNoMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 2, Config{Link: Link{Duplicate: 1}})
		data := []byte("incr")
		sent := transport.Frame{Group: 4, Payload: raft.Append{Term: 2, Entries: []raft.Entry{{Index: 1, Term: 2, Type: raft.EntryCommand, Data: data}}}}
		if err := c.nets[1].Send(2, sent); err != nil {
			t.Fatal(err)
		}
		got := c.nodes[2].from(1)
		if len(got) != 2 || !reflect.DeepEqual(got[0], sent) || !reflect.DeepEqual(got[1], sent) {
			t.Fatalf("got %+v", got)
		}
		data[0] = 'x'
		entry := func(i int) []byte { return got[i].Payload.(raft.Append).Entries[0].Data }
		entry(0)[1] = 'x'
		if string(entry(0)) != "ixcr" || string(entry(1)) != "incr" {
			t.Errorf("the copies are %q and %q", entry(0), entry(1))
		}
	})
}

// fates sends frames over a hostile link and returns what arrived, in order.
func fates(t *testing.T, seed uint64) []int {
	var got []int
	synctest.Test(t, func(t *testing.T) {
		link := Link{Delay: 10 * time.Millisecond, Jitter: 5 * time.Millisecond, Loss: 0.2, Duplicate: 0.1, Reorder: 0.1}
		c := newCluster(t, 3, Config{Seed: seed, Link: link})
		for i := range 1000 {
			c.send(1, 2, i)
			c.send(3, 2, i) // another path's traffic must change nothing
		}
		time.Sleep(time.Second)
		got = commits(c.nodes[2].from(1))
	})
	return got
}

func TestChanceFollowsTheSeed(t *testing.T) {
	first, again, other := fates(t, 1), fates(t, 1), fates(t, 2)
	if !slices.Equal(first, again) {
		t.Error("the same seed gave another outcome")
	}
	if slices.Equal(first, other) {
		t.Error("another seed gave the same outcome")
	}
	distinct := map[int]int{}
	for _, i := range first {
		distinct[i]++
	}
	lost, doubled := 1000-len(distinct), len(first)-len(distinct)
	if lost < 120 || lost > 280 || doubled < 30 || doubled > 150 {
		t.Errorf("%d of 1000 lost and %d doubled, asked for 20 %% and 10 %% of the rest", lost, doubled)
	}
	if slices.IsSorted(first) {
		t.Error("nothing was reordered")
	}
}

func TestPartitionAndHeal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3, Config{})
		c.Partition([]raft.NodeID{1}, []raft.NodeID{2, 3})
		if err := c.nets[1].Send(2, beat(1)); !errors.Is(err, transport.ErrNotConnected) {
			t.Errorf("across the partition: %v", err)
		}
		c.send(2, 3, 5)
		c.Heal()
		c.send(1, 2, 6)
		if got := commits(c.nodes[2].from(1)); !slices.Equal(got, []int{6}) {
			t.Errorf("after the partition came %v", got)
		}
		if got := c.nodes[1].story(); !slices.Equal(got, []string{"up n2", "up n3", "down n2", "down n3", "up n2", "up n3"}) {
			t.Errorf("node 1 saw %q", got)
		}
		if got := c.nodes[3].story(); !slices.Equal(got, []string{"up n1", "up n2", "down n1", "up n1"}) {
			t.Errorf("node 3 saw %q", got)
		}
	})
}

func TestOneWayCutIsNoticedLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 2, Config{DetectDelay: time.Second})
		c.Cut(1, 2)
		c.send(1, 2, 1)
		c.send(2, 1, 2)
		time.Sleep(time.Second - 1)
		if got := commits(c.nodes[1].from(2)); !slices.Equal(got, []int{2}) {
			t.Errorf("the open direction carried %v", got)
		}
		if links := c.nets[1].Links(); !links[0].Up || links[0].LostPackets != 1 {
			t.Errorf("before it can be noticed: %+v", links)
		}
		time.Sleep(1)
		if got := c.nodes[1].story(); !slices.Equal(got, []string{"up n2", "down n2"}) {
			t.Errorf("node 1 saw %q", got)
		}
		if err := c.nets[2].Send(1, beat(3)); !errors.Is(err, transport.ErrNotConnected) {
			t.Errorf("after it was noticed: %v", err)
		}
		c.Mend(1, 2)
		c.send(1, 2, 4)
		if got := commits(c.nodes[2].from(1)); !slices.Equal(got, []int{4}) {
			t.Errorf("after mending came %v", got)
		}
		if links := c.nets[1].Links(); links[0].Reconnects != 1 {
			t.Errorf("links %+v", links)
		}
	})
}

func TestShortCutIsNotNoticed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 2, Config{DetectDelay: time.Second})
		c.Cut(1, 2)
		time.Sleep(time.Second / 2)
		c.Mend(1, 2)
		time.Sleep(10 * time.Second)
		if got := c.nodes[1].story(); !slices.Equal(got, []string{"up n2"}) {
			t.Errorf("node 1 saw %q", got)
		}
	})
}

func TestFramesUnderWayFallWithTheConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 2, Config{Link: Link{Delay: 100 * time.Millisecond}})
		c.send(1, 2, 1)
		_ = c.nets[2].Close()
		c.join(2)
		c.send(1, 2, 2)
		time.Sleep(time.Second)
		if got := commits(c.nodes[2].from(1)); !slices.Equal(got, []int{2}) {
			t.Errorf("the restarted node got %v", got)
		}
		if got := c.nodes[1].story(); !slices.Equal(got, []string{"up n2", "gone 1 of n2", "down n2", "up n2", "boot 2 of n2"}) {
			t.Errorf("node 1 saw %q", got)
		}
	})
}

func TestQueueBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 2, Config{QueueFramesMax: 3, Link: Link{Delay: time.Millisecond}})
		for i := range 3 {
			c.send(1, 2, i)
		}
		if err := c.nets[1].Send(2, beat(3)); !errors.Is(err, transport.ErrQueueFull) {
			t.Errorf("the fourth frame: %v", err)
		}
		if err := c.nets[1].Send(2, transport.Frame{Payload: raft.Append{}}); err != nil {
			t.Errorf("another class: %v", err)
		}
		time.Sleep(time.Millisecond)
		if got := c.nodes[2].from(1); len(got) != 4 {
			t.Errorf("%d frames arrived", len(got))
		}
		c.send(1, 2, 4)
		if links := c.nets[1].Links(); links[0].Dropped != 1 {
			t.Errorf("links %+v", links)
		}
	})
}

func TestSendRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 2, Config{})
		if err := c.nets[1].Send(9, beat(1)); !errors.Is(err, transport.ErrUnknownPeer) {
			t.Errorf("to a stranger: %v", err)
		}
		if err := c.nets[1].Send(1, beat(1)); !errors.Is(err, transport.ErrUnknownPeer) {
			t.Errorf("to itself: %v", err)
		}
		if err := c.nets[1].Send(2, transport.Frame{Payload: "text"}); err == nil {
			t.Error("a payload without encoding was taken")
		}
		c.nets[1].SetPeers(nil)
		if err := c.nets[2].Send(1, beat(1)); !errors.Is(err, transport.ErrNotConnected) {
			t.Errorf("to a node that does not list us: %v", err)
		}
		_ = c.nets[1].Close()
		_ = c.nets[1].Close()
		if err := c.nets[1].Send(2, beat(1)); !errors.Is(err, transport.ErrClosed) {
			t.Errorf("after Close: %v", err)
		}
		if _, err := c.Join(2, newRecorder()); err == nil {
			t.Error("a node joined twice")
		}
		if _, err := NewSwitch(Config{Link: Link{Loss: 2}, QueueFramesMax: -1}); err == nil {
			t.Error("an impossible configuration was taken")
		}
	})
}

func TestFiles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 2, Config{Link: Link{Delay: 20 * time.Millisecond}})
		want := bytes.Repeat([]byte("0123456789"), 20_000)
		c.nodes[2].files["a"] = want
		start := time.Now()
		r, size, err := c.nets[1].OpenFile(t.Context(), 2, "a", 5)
		if err != nil || size != int64(len(want)) || time.Since(start) != 40*time.Millisecond {
			t.Fatalf("size %d, %v, after %s", size, err, time.Since(start))
		}
		got, err := io.ReadAll(r)
		if err != nil || !bytes.Equal(got, want[5:]) {
			t.Errorf("%d bytes, %v", len(got), err)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		for name, row := range map[string]struct {
			peer   raft.NodeID
			name   string
			offset int64
			want   error
		}{
			"missing file": {2, "b", 0, transport.ErrNotFound},
			"stranger":     {9, "a", 0, transport.ErrUnknownPeer},
			"behind end":   {2, "a", size + 1, nil},
			"negative":     {2, "a", -1, nil},
		} {
			_, _, err := c.nets[1].OpenFile(t.Context(), row.peer, row.name, row.offset)
			if err == nil || row.want != nil && !errors.Is(err, row.want) {
				t.Errorf("%s: %v", name, err)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if _, _, err := c.nets[1].OpenFile(ctx, 2, "a", 0); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("with too little time: %v", err)
		}
	})
}

func TestFileIsCutWithTheLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 2, Config{})
		want := bytes.Repeat([]byte("0123456789"), 20_000)
		c.nodes[2].files["a"] = want
		r, _, err := c.nets[1].OpenFile(t.Context(), 2, "a", 0)
		if err != nil {
			t.Fatal(err)
		}
		got := make([]byte, len(want))
		n, _ := r.Read(got)
		if n == 0 || n == len(want) {
			t.Fatalf("read %d bytes at once", n)
		}
		c.Cut(2, 1)
		if _, err := r.Read(got[n:]); !errors.Is(err, transport.ErrNotConnected) {
			t.Errorf("reading over a cut link: %v", err)
		}
		_ = r.Close()
		c.Mend(2, 1)
		r, _, err = c.nets[1].OpenFile(t.Context(), 2, "a", int64(n))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(r, got[n:]); err != nil || !bytes.Equal(got, want) {
			t.Errorf("resumed at %d: %v, or the bytes differ", n, err)
		}
	})
}
