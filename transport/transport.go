package transport

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/wraft/wraft/raft"
)

// Payload is what a Frame carries: one of the raft message kinds, Forward or
// ForwardReply.
type Payload any

// Frame is one thing a node tells another about one group.
type Frame struct {
	Group   raft.GroupID
	Payload Payload
}

// Forward passes a request on to a node that can serve it, one hop at most. The
// node layer owns the meaning of Op and Body.
type Forward struct {
	ID   uint64 // the sender's; echoed by the reply
	Op   uint8
	Body []byte
}

// ForwardReply answers a Forward.
type ForwardReply struct {
	ID   uint64
	Body []byte
}

// Class says which frames wait behind which: nothing waits behind a larger class.
type Class uint8

const (
	// ClassControl: heartbeats, votes, read rounds. Small; the newest wins.
	ClassControl Class = iota
	// ClassAppend: entries and their replies.
	ClassAppend
	// ClassForward: requests passed on by another node, and their replies.
	ClassForward
	// ClassCount is the number of classes.
	ClassCount
)

// String returns control, append or forward.
func (c Class) String() string {
	return [...]string{"control", "append", "forward", "invalid"}[min(c, ClassCount)]
}

// ClassOf returns the class a payload travels in.
func ClassOf(p Payload) Class {
	switch p.(type) {
	case raft.Append, raft.AppendReply, raft.InstallSnapshot, raft.InstallSnapshotReply:
		return ClassAppend
	case Forward, ForwardReply:
		return ClassForward
	}
	return ClassControl
}

var (
	// ErrUnknownPeer: the node is not in the peer list. Fix the caller.
	ErrUnknownPeer = errors.New("transport: unknown peer")
	// ErrQueueFull: the class's queue to the peer is full, the frame was not taken. Treat the peer as unreachable for now.
	ErrQueueFull = errors.New("transport: queue full")
	// ErrNotConnected: no connection to the peer stands. Retry later.
	ErrNotConnected = errors.New("transport: not connected")
	// ErrNotFound: the peer does not hold the file that was asked for. Ask another.
	ErrNotFound = errors.New("transport: not found")
	// ErrBusy: the peer serves as many files as it may. Retry later, or ask another.
	ErrBusy = errors.New("transport: busy")
	// ErrClosed: the network was closed. Stop.
	ErrClosed = errors.New("transport: closed")
)

// Peer is a node and where it listens for its peers.
type Peer struct {
	ID      raft.NodeID
	Address string // host:port
}

// LinkStats is what is known of the path to a peer.
type LinkStats struct {
	Peer        raft.NodeID
	Up          bool
	Down        DownReason    // why no link stands, DownUnknown while one does
	RTT         time.Duration // smoothed; 0 when unknown
	RTTVariance time.Duration
	SentBytes   uint64
	RecvBytes   uint64
	SentPackets uint64
	LostPackets uint64
	Dropped     uint64 // frames that were refused or replaced, all classes
	Reconnects  uint64
	Narrowed    uint64 // connections ended because large packets did not arrive any more

	// What is below concerns the repair of losses below the connection; LostPackets
	// are those that it left.
	Repair          RepairState
	RepairLoss      float64 // share of the packets sent that the path lost lately; 0 while not RepairActive
	PathLostPackets uint64  // packets sent that did not arrive by themselves
	RepairedPackets uint64  // of these, rebuilt by the peer
	RebuiltPackets  uint64  // packets from the peer that were rebuilt here
	ParityPackets   uint64  // sent beside SentPackets
	ParityBytes     uint64  // sent beside SentBytes
	CopyPackets     uint64  // beside SentPackets: packets sent again while a peer is away, each time
	CopyBytes       uint64  // beside SentBytes
}

// DownReason says why no link to a peer stands, as far as this node can tell.
type DownReason string

// The reasons, as in metrics, logs and answers.
const (
	// DownUnknown: the link stands, or it has not been looked into yet.
	DownUnknown DownReason = ""
	// DownSilent: nothing comes back from the peer's address, whatever is sent. Its host is
	// down, or UDP is blocked on the way there or back.
	DownSilent DownReason = "silent"
	// DownAbsent: the peer's host answers that no process listens at its address.
	DownAbsent DownReason = "absent"
	// DownNarrow: the peer answers small packets, but none of the size that QUIC needs.
	DownNarrow DownReason = "narrow"
	// DownBusy: the peer answers packets of all sizes, and takes no connection in time.
	DownBusy DownReason = "busy"
	// DownRefused: one of the two refuses the other; the counters of refusals say why.
	DownRefused DownReason = "refused"
	// DownAddress: the peer's address cannot be resolved.
	DownAddress DownReason = "address"
)

// DownReasons lists all of them but DownUnknown.
func DownReasons() []DownReason {
	return []DownReason{DownSilent, DownAbsent, DownNarrow, DownBusy, DownRefused, DownAddress}
}

// RepairState says whether losses on a link are repaired.
type RepairState uint8

const (
	// RepairOff: one side does not repair, or no link stands.
	RepairOff RepairState = iota
	// RepairQuiet: both would, but there is nothing to repair; nothing is sent for it.
	RepairQuiet
	// RepairActive: losses are counted, and parity is sent as they need it.
	RepairActive
)

// String returns off, quiet, active or invalid.
func (s RepairState) String() string {
	return [...]string{"off", "quiet", "active", "invalid"}[min(s, RepairActive+1)]
}

// Network is what a node needs of a network. All methods are safe for concurrent
// use; Send never blocks.
type Network interface {
	// Send queues a frame. An error means it certainly will not arrive; nil means
	// it may.
	Send(to raft.NodeID, frame Frame) error
	// OpenFile asks a peer for a file by name, from offset on. The caller closes
	// the reader. size is that of the whole file.
	OpenFile(ctx context.Context, from raft.NodeID, name string, offset int64) (r io.ReadCloser, size int64, err error)
	// SetPeers replaces the list of peers to keep connected. The own node is ignored.
	SetPeers(peers []Peer)
	// SetIncarnation says in which life this node is from now on. Connections that were
	// made in another one end.
	SetIncarnation(life raft.Incarnation)
	// Links describes the path to each peer, ascending by ID.
	Links() []LinkStats
	// Close ends all connections and waits for the network's goroutines.
	Close() error
}

// Handler is what a network needs of a node.
type Handler interface {
	// Deliver hands over frames that arrived from an authenticated peer, in the life that
	// it said it is in; 0: it has none yet. It must not block for long; it may drop frames when the node is overloaded. The
	// slice is the network's again after the return, what the frames point to is
	// the handler's.
	Deliver(from raft.Member, frames []Frame)
	// PeerUp and PeerDown tell that a connection to the peer stands or fell. boot is
	// the number of the peer's process, which grows with each start of the node.
	PeerUp(peer raft.NodeID, boot uint64)
	PeerDown(peer raft.NodeID)
	// PeerGone tells that the process boot of the peer has ended: it said so, or the
	// system it ran on does. It is not for a peer that is only silent, and may be
	// called again for the same process.
	PeerGone(peer raft.NodeID, boot uint64)
	// ServeFile opens the named file for a peer; ErrNotFound when it is not here.
	ServeFile(name string) (r io.ReadSeekCloser, size int64, err error)
}

// Greeter is a Handler that hears of nodes which are refused because they are not in the list
// of peers. It may put them there; they come again.
type Greeter interface {
	// Stranger tells of a node that showed a certificate of the cluster, and from where
	// (host:port) it connected. It must not block for long.
	Stranger(id raft.NodeID, address string)
}
