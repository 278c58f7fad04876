// Package tracecontext carries a request's place in its trace from one process to the next, as
// the two values of W3C Trace Context. It makes no spans.
//
// What comes in is a stranger's: a malformed traceparent is no trace, and a tracestate that is
// malformed or too long is left out. Everything is safe for concurrent use.
package tracecontext
