// Package plugins runs user code: it validates a WebAssembly module, compiles
// it and keeps an instance whose state is a function of the module and the log
// alone.
//
// It is not replication. It knows nothing of terms, sessions, files or peers;
// whoever owns an Instance hands it entries in log order and gets results.
//
// The mental model: an Engine turns bytes into a Module once, a Module makes
// any number of Instances, and an Instance is a linear memory, a
// handful of globals and a virtual clock. Apply is one call into the guest per
// entry. When that call traps, the instance goes back to exactly the state
// before the entry (shadow.go says how) and gives the commands one at a time,
// so that only the guilty one fails. Queries and exports run on the same guest and
// are undone in the same way, since even looking changes the heap of a
// garbage-collected guest.
// Guests see no clock, no chance and no files but what the log gives them
// (host.go, wasi.go).
//
// What a guest does wrong is a Result with a negative status or a GuestError,
// the same on every replica. Any other error is this host's trouble: the
// instance is then broken and must be rebuilt from what is durable.
//
// Concurrency: Engine and Module are safe for concurrent use. An Instance
// belongs to one goroutine. Calls into a guest are not interrupted by their
// context, since a wall clock must not decide what a replica computes.
package plugins
