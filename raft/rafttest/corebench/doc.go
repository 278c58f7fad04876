// Command corebench replicates commands through three consensus cores in one
// process, ours and that of go.etcd.io/raft/v3, and prints the medians of
// interleaved rounds. Its last line is stable, in entries per second:
//
//	core-bench: wraft=N etcd=M ratio=R
//
// It is a module of its own so that the project does not depend on what it is
// compared with. It is not a benchmark of a database: no disk, no network, no
// encoding, no goroutine. What is left is the work of the cores, and the memory
// they and their logs ask for.
//
// # What is the same for both
//
//   - The load (load.go): batches of 64 commands of 16 bytes, each with a number
//     of its own, proposed to the leader by one call. The next batch is proposed
//     when all three replicas have applied the last one. An entry is counted once,
//     though it was replicated and applied three times.
//   - The machine: it checks that indexes and numbers follow on each other without
//     a gap, so that nothing that was lost or doubled could be counted.
//   - The loop: the replicas are asked in turn whether they want something done;
//     messages are calls of the receiver, by reference, nothing is encoded.
//   - The log: in memory, every replica its own. It keeps the entries a core hands
//     out by reference, without copying commands, and at least the last
//     retainedEntries behind what was applied; both are compacted by the same
//     rule. etcd's is its own MemoryStorage, ours is wraftLog. A write is in the
//     log before the core hears that it is durable, within the same call, and what
//     waits for it leaves after that.
//   - The settings: elections with pre-votes and leaders that step down without a
//     quorum; a heartbeat per virtual 100 ms, which pass once per ticksEvery
//     batches; windows of 256 messages; messages up to 1 MiB; nothing is logged.
//   - The clock: elapsed time counts, as it is what a user waits for. Processor
//     time stands beside it, for machines that have other work.
//   - A round builds its clusters anew and begins behind a garbage collection. The
//     contestants take turns within a round, another one first each time.
//
// # What differs
//
//   - etcd runs in both of its documented modes, the Ready loop and asynchronous
//     storage writes; the last line has the faster one. Its RawNode is driven
//     directly, without the channels of its Node, and its batch is one proposal
//     message with entries from one allocation, which is more than its Propose
//     method does.
//   - etcd's entries are pointers, so its replicas share in this process what three
//     processes would hold three times. Our cores copy them.
//   - Our core keeps a tail of the log in memory by itself, bounded to about the
//     number of entries that the log retains, where etcd's asks its storage.
//
// Everything runs on one goroutine.
package main
