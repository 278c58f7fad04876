// Package wire turns what nodes tell each other into bytes and back: frames of
// raft messages and forwarded requests, the hello of a connection, and the
// requests for files.
//
// It is no transport: it opens nothing, waits for nothing but the reader it was
// given, and knows no peers. It does not judge what a message means either; that
// is the core's business.
//
// Mental model: a frame is a fixed head of six bytes (length, version, kind), a
// header in CBOR (a map from small integers to integers, booleans or short
// strings, core deterministic encoding of RFC 8949 §4.2.1, zero values left out)
// and, for kinds that carry data, a tail of raw bytes. Every message has exactly
// one encoding: whatever decodes encodes to the same bytes again, and everything
// else is refused. docs/FORMAT.md has the grammar, testdata golden vectors.
//
// Lengths are checked against the bound of their kind before anything is
// allocated. Nothing here is shared: functions may be called concurrently, a
// Reader belongs to one goroutine.
package wire
