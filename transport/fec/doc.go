// Package fec repairs loss below QUIC: a net.PacketConn that sends parity packets
// beside the packets of an unchanged quic-go, and rebuilds from them what the
// network lost before QUIC knows of it.
//
// It is no congestion controller and no QUIC: it does not read what it protects,
// which QUIC authenticates above it, and it sends no data packet later or changed.
// Without it, or with a peer that has none, the same packets flow.
//
// # The argument
//
// A loss-based congestion controller keeps about 1.2/sqrt(p) packets in flight at
// loss p (Mathis et al., "The macroscopic behavior of the TCP congestion avoidance
// algorithm", 1997): at 2 % and 80 ms that is 1 Mbit/s, whatever the link can
// carry. Loss of long paths is often no sign of a full queue; repaired before the
// controller sees it, it costs neither the window nor a round trip. A code word of
// k data and m parity packets survives every loss of m of them (Reed and Solomon,
// "Polynomial codes over certain finite fields", 1960; RFC 5510 on erasure codes).
// QUIC takes a rebuilt packet for one that was reordered, and relaxes its threshold
// for reordering when it meets the first (RFC 9002 §6.1, RFC 4653 on the idea).
//
// # Mental model
//
// The sender keeps a copy of each packet for some milliseconds, closes a block of
// them by count or by age, and sends m parity packets that name the block's packets
// by the last three bytes of each, which are of QUIC's authentication tag. So data
// packets carry no header of ours: they keep their size, segmentation offload and
// ECN marks, and cost nothing while nothing is lost. The receiver keeps the last
// packets it got; when parity names one it does not have, it rebuilds it.
//
// Where packets come few a block closes late, and a burst takes its parity with it. While
// nothing else makes up for what is late over the path (Path.Alone), each packet is then a
// block of its own, whose parity leaves at several times within a round trip.
//
// Each direction of a link is a sender and a receiver, step machines that are given
// the time. Both count data packets; the receiver reports its count, and the
// difference is the loss, from which the sender chooses m. A packet is lost when it
// has been missed for a fifth of a second: before, it may be late, or what told of it
// may have overtaken it.
//
// # Congestion
//
// What a full queue drops is not hidden (RFC 9265 asks for that of coding under
// congestion control). A loss counts as congestion when it comes while the one-way
// delay stands above its least of the last seconds, by more than the delay's own
// jitter (the idea of Cen, Cosman and Voelker, "End-to-end differentiation of
// congestion and wireless losses", 2003), and when it is more than the path was
// known to lose without one: packets are late for other reasons too. What packets
// differ in that were sent at about the same time is jitter, since a queue holds
// both up alike; arrival is when the kernel got a packet, where it tells. Loss above a
// quarter or in very long bursts counts as congestion too. Parity is chosen for the
// other losses alone, and while most are congestion for what the path was known to
// lose before, so on a path that loses nothing by chance it vanishes then; what is
// rebuilt while the queue is full goes up with an ECN-CE mark (RFC 3168) where QUIC
// reads marks, and is withheld where it does not. Parity has ceilings, per data
// packet and per second, and packets that are sent again have one per second: they end
// when losses do, and when most of those are a queue's.
//
// # Hostile packets
//
// Every packet of ours has a MAC under a key from the TLS exporter of the QUIC
// connection, and an ID the key belongs to. Others cost a lookup and are dropped.
// Replays find their block done or gone. All that is kept is bounded by constants.
// Packets are sent only to the address that QUIC itself sends to.
//
// Concurrency: sender and receiver belong to one goroutine at a time. Conn and Link
// are safe for concurrent use, but for reading, which is one goroutine's, as
// quic-go does it. Each Link has a goroutine that sends what is due.
package fec
