// Package native serves a node over the native client protocol: commands, batches, queries,
// sessions, events and descriptions of machines as frames on long-lived QUIC streams. It is
// a second door to what package api serves over HTTP, and has no rules of its own:
// it checks requests with that package's checks, calls the same backend, and answers
// with the same problems. Everything else a node can be asked goes over HTTP.
//
// Mental model: a connection has a few lanes, streams that the client opened. Of
// each, one goroutine reads requests and has a goroutine answer each; an outbox
// writes their answers, in the order in which they are ready. A connection that has
// as much under way as is allowed is not read until something is answered, so that
// QUIC's flow control makes its client wait.
//
// Concurrency: a Server may be used by many goroutines. A lane's reader and writer
// end with their connection, which waits for them; the Server waits for connections.
package native
