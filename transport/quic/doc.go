// Package quic is the network of real clusters: transport.Network over QUIC, with
// mutual TLS 1.3 and one connection for each pair of nodes.
//
// It is no general QUIC library and no part of Raft: it does not look into the
// messages it carries, beyond which class they belong to and which of them a newer
// one makes useless. It opens no socket either; it is given a net.PacketConn, so
// that a simulated network or an error-correcting layer can stand below it.
//
// Mental model: a Network has a peer for each node in its list; a peer has at most
// one link, which is an authenticated connection after both sides said hello; a
// link has queues, each drained by one writer into one stream, and readers that
// hand over what arrives:
//
//	heartbeats and their replies  newest wins    DATAGRAM frames
//	votes, reads, TimeoutNow      oldest falls   a stream, first in line
//	appends                       full: refused  a few streams, groups spread over them; where
//	                                             losses are repaired, bundles (bundle.go)
//	forwarded requests            full: refused  a stream
//	files                         on request     a stream each, last in line
//
// The node with the lower ID dials. The other knocks while no link stands: it dials to
// say hello, and is dialled back. A later boot in a hello ends what stands to an
// earlier life of the peer; besides, a restarted node answers packets for its
// former life with a stateless reset (RFC 9000 §10.3), and the idle timeout ends
// whatever else is dead. A node that ends says so; one that is killed is found out by
// probing (probe.go).
//
// Who is there is decided by certificates alone: chain, dates, cluster and node ID
// are checked in the TLS handshake, and once more against the hello, before the
// first frame. What is refused is counted by Reason.
//
// Concurrency: each peer is run by one goroutine, which alone brings its link up
// and down and calls PeerUp and PeerDown; every queue and stream has one writer or
// reader. Deliver is called by several goroutines at once, but only between the
// PeerUp and the PeerDown of its peer. No lock is held while anything blocks or a
// handler runs. All time is package time's, so that the package works within a
// testing/synctest bubble.
package quic
