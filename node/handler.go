package node

import (
	"bytes"
	"io"
	"strings"

	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/transport"
)

// handler is the node as its network sees it.
type handler struct{ n *Node }

// Deliver routes frames to the shards of their groups and to forwarding.
func (h handler) Deliver(from raft.Member, frames []transport.Frame) {
	n := h.n
	byShard := make([][]transport.Frame, len(n.shards))
	unborn := n.unborn(from)
	for _, f := range frames {
		if unborn && !aboutBirth(f) {
			continue
		}
		switch p := f.Payload.(type) {
		case transport.Forward:
			n.serveForward(from.Node, f.Group, p)
		case transport.ForwardReply:
			n.forwards.reply(from.Node, p)
		case raft.Message:
			at := uint64(f.Group) % uint64(len(n.shards))
			byShard[at] = append(byShard[at], f)
		}
	}
	for i, list := range byShard {
		if len(list) == 0 {
			continue
		}
		s := n.shards[i]
		s.in.put(func(sh *Shard) { // Why unchecked: a full inbox drops messages, which raft repeats
			for _, f := range list {
				if err := sh.Receive(from, f.Group, f.Payload.(raft.Message)); err != nil {
					n.log.Warn("refused a message of a peer", "peer", uint64(from.Node), "group", f.Group, "err", err)
				}
			}
		})
	}
}

// PeerUp is the network's word that a connection stands. What was due is sent with the
// next heartbeat.
func (h handler) PeerUp(peer raft.NodeID, boot uint64) {
	for _, s := range h.n.shards {
		s.in.force(func(sh *Shard) { sh.PeerRuns(peer, boot) })
	}
}

// PeerGone is the network's word that a peer's process has ended.
func (h handler) PeerGone(peer raft.NodeID, boot uint64) {
	for _, s := range h.n.shards {
		s.in.force(func(sh *Shard) { sh.PeerGone(peer, boot) })
	}
}

// PeerDown is the network's word that a connection fell: what was on it may be lost.
func (h handler) PeerDown(peer raft.NodeID) {
	h.n.forwards.peerDown(peer)
	for _, s := range h.n.shards {
		s.in.force(func(sh *Shard) { sh.Unreachable(peer, 0) })
	}
}

// ServeFile opens a module or a snapshot for a peer.
func (h handler) ServeFile(name string) (io.ReadSeekCloser, int64, error) {
	if strings.HasPrefix(name, snapshotPrefix) {
		return h.n.serveSnapshot(name)
	}
	if strings.HasPrefix(name, measurePrefix) {
		return serveMeasure(name)
	}
	text, ok := strings.CutPrefix(name, "module/")
	if !ok {
		return nil, 0, transport.ErrNotFound
	}
	d, err := ParseDigest(text)
	if err != nil {
		return nil, 0, transport.ErrNotFound
	}
	if !h.n.modules.Has(d) {
		return nil, 0, transport.ErrNotFound // Why: the peer asks the next one
	}
	h.n.shelf.want(d)
	binary, err := h.n.modules.Get(d)
	if err != nil {
		return nil, 0, transport.ErrNotFound
	}
	return readSeekNopCloser{bytes.NewReader(binary)}, int64(len(binary)), nil
}

type readSeekNopCloser struct{ *bytes.Reader }

func (readSeekNopCloser) Close() error { return nil }
