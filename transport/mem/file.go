package mem

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/transport"
)

// readBytesMax bounds what one Read of a file returns, so that a link which is
// cut during a transfer cuts the transfer.
const readBytesMax = 32 << 10

// OpenFile implements transport.Network. It takes one round trip; the bytes then
// come without delay, until the connection falls.
func (n *Network) OpenFile(ctx context.Context, from raft.NodeID, name string, offset int64) (io.ReadCloser, int64, error) {
	if offset < 0 {
		return nil, 0, fmt.Errorf("mem: open %s at %d: the offset is negative", name, offset)
	}
	server, epoch, trip, err := n.reach(from)
	if err != nil {
		return nil, 0, err
	}
	timer := time.NewTimer(trip)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return nil, 0, ctx.Err()
	case <-n.stop:
		return nil, 0, transport.ErrClosed
	}
	if !n.stands(from, epoch) {
		return nil, 0, fmt.Errorf("%w: %v", transport.ErrNotConnected, from)
	}
	file, size, err := server.handler.ServeFile(name)
	if err != nil {
		return nil, 0, fmt.Errorf("mem: open %s at %v: %w", name, from, err)
	}
	if offset > size {
		return nil, 0, errors.Join(fmt.Errorf("mem: open %s at %d: the file has %d bytes", name, offset, size), file.Close())
	}
	if _, err := file.Seek(offset, io.SeekStart); err != nil {
		return nil, 0, errors.Join(fmt.Errorf("mem: open %s: %w", name, err), file.Close())
	}
	return &transfer{n: n, from: from, epoch: epoch, file: file}, size, nil
}

// reach returns the node to ask, the connection to it, and how long asking takes.
func (n *Network) reach(from raft.NodeID) (server *Network, epoch uint64, trip time.Duration, err error) {
	n.s.mu.Lock()
	defer n.s.mu.Unlock()
	p := n.s.pair(n.id, from)
	switch {
	case n.closed:
		return nil, 0, 0, transport.ErrClosed
	case !n.peers[from]:
		return nil, 0, 0, fmt.Errorf("%w: %v", transport.ErrUnknownPeer, from)
	case !p.up:
		return nil, 0, 0, fmt.Errorf("%w: %v", transport.ErrNotConnected, from)
	}
	trip = n.s.path(n.id, from).link.Delay + n.s.path(from, n.id).link.Delay
	return n.s.nodes[from], p.epoch, trip, nil
}

// stands reports whether a connection still carries anything both ways.
func (n *Network) stands(peer raft.NodeID, epoch uint64) bool {
	n.s.mu.Lock()
	defer n.s.mu.Unlock()
	p := n.s.pair(n.id, peer)
	cut := n.s.path(n.id, peer).cut || n.s.path(peer, n.id).cut
	return !n.closed && p.up && p.epoch == epoch && !cut
}

// transfer is a file of a peer that is being read.
type transfer struct {
	n     *Network
	from  raft.NodeID
	epoch uint64
	file  io.ReadCloser
}

func (t *transfer) Read(b []byte) (int, error) {
	if !t.n.stands(t.from, t.epoch) {
		return 0, fmt.Errorf("%w: %v", transport.ErrNotConnected, t.from)
	}
	return t.file.Read(b[:min(len(b), readBytesMax)])
}

func (t *transfer) Close() error { return t.file.Close() }
