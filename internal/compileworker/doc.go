// Package compileworker compiles modules in a process of their own, which may be
// stopped: the engine's compiler cannot be interrupted, and what it takes is only
// estimated before (package plugins/wasm).
//
// It is not a sandbox: the worker runs the same code as its parent, as the same
// user. It is bounded, not locked in.
//
// The mental model: a Runner starts `wraftd compile-worker` once per artefact and
// writes the artefact to its standard input. The worker limits itself, compiles
// into the folder it was given and answers with one JSON object. The Runner watches
// the clock and, where the system tells, the worker's memory; what exceeds a limit
// is killed, and the error names the limit. A worker whose parent has died sees its
// standard input end and goes as well.
//
// On Unix the worker also sets itself resource limits (processor time; on Linux the
// size of its data). Elsewhere there are the clock and the worker's own count of
// the memory of its Go runtime.
//
// Concurrency: a Runner is safe for concurrent use; each call has a process of its
// own.
package compileworker
