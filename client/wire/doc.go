// Package wire is the native protocol between a client and a node, as bytes: what
// a request and an answer say and how frames lie on a stream. docs/FORMAT.md has it
// in CDDL. It knows no network and gives no meaning to what it carries: package
// client speaks one side of it, package node/api/native the other.
//
// Mental model: a frame is a 32-bit length, big-endian, and a CBOR map of that many
// bytes. A client writes requests on streams that it opens, each with an ID of its
// own; answers with these IDs come back on the same stream, in any order.
//
// Concurrency: functions are pure; an Outbox may be used by many goroutines.
package wire
