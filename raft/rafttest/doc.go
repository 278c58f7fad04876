// Package rafttest drives clusters of cores in memory: by scripts that read as
// prose (raft/testdata/*.txt) and, in rafttest/sim, by a seeded simulator. It is
// for tests only and knows nothing of real disks, networks or clocks.
//
// The mental model: a Node is a core with a Disk that knows what is synced and
// what a crash may lose; a Checker watches all nodes and everything they send,
// and states Raft's promises as code. A machine remembers all it applied, and that
// is its snapshot; snapshots travel beside the messages. Environment and simulator only decide when
// things happen.
//
// Everything here belongs to one goroutine.
package rafttest
