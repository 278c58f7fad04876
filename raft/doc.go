// Package raft is the deterministic core of one replica of a Raft group: inputs
// in, effects out. It is not a server: it owns no goroutine, clock, lock, disk,
// socket or log, and its only randomness is the seed it is given. Equal seed and
// equal inputs give equal effects, byte for byte.
//
// The mental model: a driver calls input methods (Tick, Receive, Propose, Read,
// Persisted, Applied, ...), each of which changes memory only, and then Drain,
// which moves out everything that has to happen: writes to make durable in
// order, messages to send now, messages to send once a write is durable,
// committed ranges to apply, answers to proposals and reads. Many inputs before
// one Drain are one batch.
//
// One goroutine at a time may use a Core.
package raft
