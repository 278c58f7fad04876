package raft

import "github.com/wraft/wraft/raft/quorum"

// NodeID is the stable identity of one wraftd process; 0 means "no node".
type NodeID = quorum.NodeID

// Index is a position in a Raft log; the first real entry has index 1.
type Index = quorum.Index

// Term is an election epoch. It starts at 0, before any election.
type Term uint64

// GroupID names one Raft log and its replicas. Group 1 is the meta group.
type GroupID uint64

// WriteID orders the writes of one core: Persisted(w) says that w and every
// write before it are durable. It starts at 1 with each process; 0 means "none".
type WriteID uint64

// ProposalID is the caller's name for a proposal, echoed in its result.
type ProposalID uint64

// ReadID is the caller's name for a read, echoed when the read is ready.
type ReadID uint64
