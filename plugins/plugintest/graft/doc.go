// Package graft adds functions and exports to compiled modules, so that tests can
// make a guest of any language do what its author never wrote.
//
// It is not the rewriting pass, and shares no code with it: what it adds belongs to
// the module and is rewritten, metered and rolled back like the rest. Nor does it
// check anything; the validator does that afterwards.
//
// The mental model: a module is a list of sections. Types, functions and exports
// are appended to theirs, so no index moves.
//
// Concurrency: a Module belongs to one goroutine.
package graft
