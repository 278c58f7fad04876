package node

import (
	"errors"
	"fmt"

	"github.com/wraft/wraft/raft"
)

var (
	// ErrBusy: a bound of this node is reached; nothing was applied. Try later.
	ErrBusy = errors.New("node: too much is waiting")
	// ErrNoMachine: no machine of that name. Fix the name, or deploy it.
	ErrNoMachine = errors.New("node: no such machine")
	// ErrDeleted: the machine was deleted. Deploy it anew, or fix the name. *DeletedError says more.
	ErrDeleted = errors.New("node: the machine is deleted")
	// ErrNoModule: no module of that digest. Upload it first.
	ErrNoModule = errors.New("node: no such module")
	// ErrNoLeader: no leader was found in time; nothing was applied. Try later.
	ErrNoLeader = errors.New("node: no leader")
	// ErrTimeout: the caller's time was over; nothing was applied. Try later.
	ErrTimeout = errors.New("node: timed out")
	// ErrStopping: the node is shutting down. Try another node.
	ErrStopping = errors.New("node: shutting down")
	// ErrMachineNotRunning: the machine is being fetched, opened or replayed here. Try later or elsewhere.
	ErrMachineNotRunning = errors.New("node: machine is not running here")
	// ErrIndexNotReached: the replica did not reach the wanted index in time. Wait longer or ask another.
	ErrIndexNotReached = errors.New("node: index not reached")
	// ErrDigestMismatch: the bytes do not have the digest they were sent under. Send them again.
	ErrDigestMismatch = errors.New("node: digest mismatch")
	// ErrTooLarge: a command exceeds its limit. Make it smaller.
	ErrTooLarge = errors.New("node: command too large")
	// ErrModuleTooLarge: a module exceeds its limit. Make it smaller.
	ErrModuleTooLarge = errors.New("node: module too large")
	// ErrUnknownNode: no node of that ID is in the cluster. Fix the ID, or add the node.
	ErrUnknownNode = errors.New("node: no such node in the cluster")
	// ErrLastVoter: without that node nobody would vote. Promote another one first.
	ErrLastVoter = errors.New("node: the last voter has to stay")
	// ErrNodeConflict: a node of that ID is there with other addresses, or is leaving. Choose another ID, or wait.
	ErrNodeConflict = errors.New("node: the node is there already, and another")
	// ErrUnborn: this node has no life in the cluster yet; the others are asked for one. See Birth.
	ErrUnborn = errors.New("node: no part of the cluster yet")
	// ErrNoQuorum: not enough nodes answered to make a module safe. Try when they are back.
	ErrNoQuorum = errors.New("node: no quorum")
)

// UnknownOutcomeError: the command may or may not be applied, now or later. Only
// a session makes it safe to send it again.
type UnknownOutcomeError struct {
	Index raft.Index // where it stood in a leader's log; 0 when not known
	Term  raft.Term
	Cause error
}

// Error says what is known.
func (e *UnknownOutcomeError) Error() string {
	if e.Index == 0 {
		return fmt.Sprintf("node: outcome unknown: %v", e.Cause)
	}
	return fmt.Sprintf("node: outcome unknown: index %d, term %d: %v", e.Index, e.Term, e.Cause)
}

// Unwrap returns the cause.
func (e *UnknownOutcomeError) Unwrap() error { return e.Cause }

// MachineHaltedError: this node's replica of the machine stopped. Ask another node.
type MachineHaltedError struct{ Cause error }

// Error says why.
func (e *MachineHaltedError) Error() string {
	return fmt.Sprintf("node: machine halted on this node: %v", e.Cause)
}

// Unwrap returns the cause.
func (e *MachineHaltedError) Unwrap() error { return e.Cause }

// ConflictError: a machine of that name exists with another module or limits.
// Choose another name.
type ConflictError struct {
	Name   string
	Module string // the one it runs
}

// Error names both.
func (e *ConflictError) Error() string {
	return fmt.Sprintf("node: machine %q exists and runs %s", e.Name, e.Module)
}

// DeletedError: a machine of that name was deleted, and no other one has the name; or
// it was deleted while something was asked of it. It is ErrDeleted.
type DeletedError struct{ Tombstone Tombstone }

// Error names the machine and where its end stands.
func (e *DeletedError) Error() string {
	return fmt.Sprintf("node: machine %q (group %d) was deleted at index %d of the meta group", e.Tombstone.Name, e.Tombstone.Group, e.Tombstone.Index)
}

// Unwrap returns ErrDeleted.
func (e *DeletedError) Unwrap() error { return ErrDeleted }
