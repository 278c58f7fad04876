// Package bigsnapshot brings machines with much state to a node that lacks their logs, over
// links that are cut again and again, and measures what that costs: the bytes of
// snapshots that came for those that were needed, and the latency of writes meanwhile
// beside that of before.
//
// Its command is conformance/bigsnapshot/cmd/bigsnapshot, which make bigsnapshot runs.
// State that is missing or differs fails, and so do more bytes than a cut may waste. Times
// are printed and never judged.
//
// The course: three processes, relays between one and the others. The one is killed; the others fill
// the machines, take snapshots and cut their logs. The one comes back. Its links are cut at
// even parts of the bytes; with two of the cuts it is killed and started again, and
// at the last one its sender is killed, so that the rest comes from the third.
//
// Concurrency: one goroutine directs. The load is a process of its own, which tells of each write
// in a line.
package bigsnapshot
