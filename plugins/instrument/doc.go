// Package instrument rewrites a WebAssembly binary so that its host can hold
// and restore all of its state.
//
// It is not a validator: it takes a binary that package wasm has read and
// admitted, and it knows nothing of any engine.
//
// The mental model: one pass copies the binary section by section. Nothing is
// inserted that would shift an index, so no instruction has to change its
// operands. Three things differ afterwards. Every mutable global is exported
// under a reserved name, since an image of memory alone is not the machine's
// state (C keeps its stack pointer in a global). data.drop does nothing, since
// a dropped segment would be state that no image holds. Custom sections are
// gone: engines parse names and debug data, which nobody has checked.
//
// The output is a function of the input alone. It is the artefact that
// replicas must agree on, so Version counts every change of the pass.
//
// Concurrency: Rewrite is pure.
package instrument
