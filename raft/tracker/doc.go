// Package tracker is a leader's view of one follower: how far its log is known
// to match, what to send next, and what is on its way. It decides when something
// may be sent; the core decides what. It knows nothing of terms or messages.
//
// The mental model: a follower is probed until one append fits (at most one
// probe on its way), then replicated to through a window of appends that is
// bounded in messages and in bytes. Anything that smells of loss goes back to
// probing. When the log does not go back far enough, a snapshot is offered and sent
// instead, and probing begins behind it. The window follows the path and the follower's disk: Size
// says how, from what a driver knows of the path and a meter here finds out about
// the follower.
//
// A Progress belongs to the core's goroutine.
package tracker
