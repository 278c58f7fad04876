// Package sim runs whole clusters of cores through virtual hours of faults: lost,
// repeated, late and reordered messages, one-way and full partitions, crashes
// that lose unsynced writes, slow and failing disks, paused nodes. Clients
// propose unique values and read meanwhile; every event is followed by
// rafttest.Checker's invariants, and a history check for the clients.
//
// The mental model: one goroutine takes the next event from a heap ordered by
// virtual time. Every random decision is a hash of (seed, domain, entity,
// counter) and never drawn from a shared stream, so that leaving out one fault
// does not change the others. Equal seeds give equal runs, to the last event.
//
// A run belongs to the goroutine that calls Run; runs are independent.
package sim
