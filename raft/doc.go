// Package raft is the deterministic core of one replica of a Raft group: inputs
// in, effects out. It is not a server: it owns no goroutine, clock, lock, disk,
// socket or log, and its only randomness is the seed it is given. Equal seed and
// equal inputs give equal effects, byte for byte.
//
// # The mental model
//
// A driver calls input methods (Tick, Receive, Propose, Read, Persisted, Applied,
// Fetched, PeerStats, ...), each of which changes memory only, and then Drain, which moves
// out everything that has to happen: writes to make durable in order, messages to
// send now, messages to send once a write is durable, committed ranges to apply,
// what to do with snapshots, answers to proposals and reads. Many inputs before one Drain are one batch: one
// write, one Append per follower, one acknowledgement. The example shows a whole
// driver.
//
// # What a driver promises
//
//   - Writes become durable in the order of their IDs, each as a whole; Persisted
//     tells the core. A failed write or sync is told with PersistFailed and is
//     final.
//   - A message in SendAfter leaves only after its write is durable. Messages may
//     be lost, repeated, delayed and reordered; order costs less.
//   - Tick comes before Receive, and before a Read that is not linearizable, with a
//     time read after the message or the request arrived: promises and leases are
//     measured by it. The clock is monotonic. NextDeadline says when Tick matters
//     besides.
//   - Entries handed in or out are immutable from then on: they are shared.
//   - Every Fetch is answered by Fetched, and every range for apply, in order, by
//     Applied, but for those that a Write with Reset makes void.
//   - A snapshot is taken when the driver likes: of the machine after everything up
//     to an applied index, stored durably with what SnapshotAt says of it, then told
//     with SnapshotTaken. Its bytes stay until a newer one is published by a durable
//     write and no transfer of them is under way. A snapshot that is stored and was
//     not published when the process ended is nothing.
//   - SnapshotSend sends the bytes beside the messages and ends with one SnapshotDone;
//     whether a transfer goes on where another broke off is between the drivers.
//     SnapshotReceived is called only when all bytes are durable and verified, and the
//     machine leaves its state for a snapshot's only on SnapshotRestore, or at a start,
//     before anything later is applied.
//   - The node of a new member starts with any valid configuration that does not
//     name it: the one in the log takes over as soon as it arrives.
//   - Messages of another incarnation of a member are not handed in.
//   - PeerStats says about once per second what the way to each peer is like. A driver
//     that does not gets windows and election timeouts that fit no path in particular.
//   - The seed differs between nodes and between two starts of a node.
//
// # What the core promises
//
// Raft's safety as the paper and the thesis state it, with these choices, which
// are not options: pre-vote, refusal of votes while a leader is heard and for one
// election timeout after a restart, and a leader that steps down when it hears no
// quorum for as long. Term and vote are durable before a message shows them. Only
// entries of the leader's own term commit by counting, its own disk counts like
// any other, and what is not durable here is not applied here. A snapshot that
// replaces the log is published in the write that drops it, never undoes what is
// committed, and is acknowledged and restored only after that write. Nothing at or below the commit index is
// ever truncated. Membership changes one at a time, through joint configurations that
// are in force from their append on and that any leader ends; new nodes are learners
// first. Linearizable reads never rest on clocks; reads by lease do, and are off by
// default. Reads of bounded age rest on the own clock alone. Whatever a peer sends
// ends in ErrBadMessage, with nothing changed, when no correct peer sends it.
// Every queue has a bound, most of them in Config, and says when it refuses or drops;
// no-ops and configurations are exempt.
//
// # Slow paths, slow disks
//
// What is sent to a follower and not acknowledged is bounded by a window: twice what
// it acknowledges within a round trip and the time its disk takes. A follower that
// answers but acknowledges nothing is probed again. Election timeouts are spread over a
// few round trips to a quorum, never below ElectionTimeoutMin, on which promises rest.
// A replica whose oldest write takes longer than DiskStallTimeout leads no longer, does
// not campaign and says so in its replies, until the disk moves; a leader hands over
// first, if a follower is fit. None of this touches safety: any measurement may be wrong.
//
// # Where things are
//
// core.go dispatches inputs; election.go and vote.go decide who leads; replicate.go
// is the leader's side of the log and follow.go the follower's; paths.go fits both to
// what is measured of the network and disk.go to the own disk; commit.go counts
// and applies; read.go and propose.go answer clients, with lease.go and
// staleness.go for reads that need no round; gone.go is the way to a new leader when
// the old one's process is known to have ended; membership.go changes who
// takes part and transfer.go who leads; snapshot.go takes snapshots and compacts the
// log, sending.go and install.go bring them to followers; write.go is the way to the
// disk and what waits for it; log.go is the log in memory and logsize.go what it
// knows of the rest; check.go is the guard
// at the gate.
//
// # Concurrency
//
// One goroutine at a time may use a Core.
package raft
