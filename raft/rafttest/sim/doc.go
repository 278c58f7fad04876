// Package sim runs whole clusters of cores through virtual hours of faults: lost,
// repeated, late and reordered messages, one-way, bridge and full partitions, slow
// and flapping links, crashes that lose unsynced writes or strike at a write
// point, slow and failing disks, paused nodes, clocks that run wrong, churn of the
// membership. Nodes take snapshots and compact their logs; transfers break off, come
// late or twice. Clients append to lists and read them meanwhile, under sessions
// that make what they repeat take effect once. Every event is followed by
// rafttest.Checker's invariants, and what clients were told is checked against
// what the machines did.
//
// The mental model: a run is a Scenario, drawn from a seed or read from a file:
// configuration, faults, operations. One goroutine takes the next event from a
// heap ordered by virtual time. Every other random decision is a hash of (seed,
// domain, entity, counter) and never drawn from a shared stream, so that leaving
// out one fault does not change the others. Equal scenarios give equal runs, to
// the last event.
//
// Where things are: a new kind of fault is a row of the table in swarm.go, a new
// bound of the core a line in scenario.go, where all configuration is drawn.
//
// A run belongs to the goroutine that calls Run; runs are independent.
package sim
