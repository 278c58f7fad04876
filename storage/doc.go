// Package storage keeps what a node must not forget: the Raft logs and hard
// states of all its groups and its own identity in one Pebble, and module files
// beside it. docs/FORMAT.md describes every byte it writes.
//
// It is not Raft. It takes the raft.Write steps a core emits and makes them
// durable in order; which entries those are, what may be truncated and who is
// told is decided elsewhere. It checks those decisions against the invariants
// that a disk can see and stops the process when one is broken.
//
// The mental model: each group has a start, which is the base it was created from
// until the log is compacted or replaced by a snapshot, and behind it entries that
// form a chain; every entry's hash takes in the hash before it.
// Commit takes the waiting writes of many groups and puts them into one batch
// and one sync. Restore walks a group's chain from start to end and either returns
// exactly what was written or names the index where the disk lies. Damage is
// always reported and never cut away.
//
// Crash argument: a batch is all or nothing, batches become durable in the order
// of their Commits, and Commit returns only after the sync that covers it. So a
// restart finds some prefix of the batches which holds every one whose Commit
// asked for a sync and returned. A write or sync that failed leaves it open what
// the disk holds; the store then calls Options.Fatal once and refuses everything,
// and is never retried.
//
// Concurrency: every method of Store and Modules may be called at the same time
// as any other, with two exceptions. Commits that name the same group must not
// overlap, since their order is the order of the log. And Close waits for nobody:
// the other calls must have returned.
package storage
