// Package stream measures how much of a link a snapshot uses: a file that one node
// fetches from another over the peers' QUIC, as a replica fetches a snapshot, alone or
// beside a TCP flow of the kernel's on the same way.
//
// It is no cluster: both ends are networks of transport/quic in this process, whose
// sockets are in two network namespaces of somebody else's making, between which that
// somebody emulates the link. Without namespaces the sockets are on loopback.
//
// Its command is conformance/wan/cmd/stream, which make wan-snapshot runs in the
// namespaces of an emulated network (conformance/wan/snapshot.sh).
//
// Concurrency: one goroutine directs; the TCP flow has one for each of its ends, which
// count and end with their connection.
package stream
