// Package instrument rewrites a WebAssembly binary so that it can be metered,
// computes the same on every processor, and shows its host all of its state and
// what has changed of it.
//
// It is not a validator: it takes a binary that package wasm has read and
// admitted, and it knows nothing of any engine.
//
// The mental model: one pass copies the binary section by section. Whatever is
// added stands behind what was there (types, functions, globals, exports, locals of a
// function), so no index shifts; only addresses of memory do. Bodies
// are walked twice: the first walk plans, the second copies each instruction and
// asks the concerns of the pass what belongs before and after it:
//
//   - fuel.go charges fuel for what is about to run, and stops a call that has
//     spent all of it (costs.go says what things cost);
//   - yield.go hands fuel out in slices, and lets the host's scheduler in between;
//   - stack.go counts frames, so that deep recursion ends at the same depth
//     everywhere;
//   - nan.go gives every NaN that is seen the same bits, and settle.go plans which are;
//   - bulk.go cuts long bulk operations into pieces, by functions of its own;
//   - memory.go keeps a map of the blocks of memory that were written to, below
//     the guest's own memory, where the guest cannot reach it, and marks.go plans
//     which stores share a mark.
//
// For the last two trace.go follows operands from where they are made to where they
// are taken (arity.go).
//
// Every mutable global is exported under a reserved name, since an image of
// memory alone is not the machine's state (C keeps its stack pointer in a
// global). data.drop is left out, since a dropped segment would be state that no
// image holds. Custom sections are gone: engines parse names and debug data,
// which nobody has checked.
//
// The output is a function of the input alone. It is the artefact that
// replicas must agree on, so Version counts every change of the pass.
//
// Concurrency: Rewrite is pure.
package instrument
