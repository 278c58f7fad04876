// Package transport says what a node needs of a network: queue a frame for a
// peer, fetch a file from a peer, know how the path to a peer is doing. It is no
// network itself: transport/quic is the real one, transport/mem the one of tests,
// transport/wire the encoding both use.
//
// Mental model: a set of peers, a bounded queue per peer and class, and frames
// that may be lost, doubled or reordered. Raft copes with all three; a Network
// only promises that a frame which arrives is whole and from who it says.
package transport
