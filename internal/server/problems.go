package server

import (
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/node"
	"github.com/wraft/wraft/plugins"
	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/storage"
)

// backpressurePause is what a client is told to wait before it tries again.
const backpressurePause = time.Second

// problem puts a node's error into the words of the catalogue.
func (b backend) problem(err error) error {
	var problem *client.Problem
	if errors.As(err, &problem) {
		return problem
	}
	var (
		notLeader *raft.NotLeaderError
		unknown   *node.UnknownOutcomeError
		halted    *node.MachineHaltedError
		refused   *plugins.RefusedError
		limit     *node.LimitError
		stale     *node.TooStaleError
		gone      *node.EventsGoneError
		cut       *node.LogCutError
	)
	switch {
	case upgradeProblem(err) != nil: // Why first: its cause may be one of the others
		return upgradeProblem(err)
	case restoreProblem(err) != nil:
		return restoreProblem(err)
	case deleteProblem(err) != nil && !errors.As(err, &unknown):
		return deleteProblem(err)
	case errors.As(err, &unknown):
		return client.NewProblem(client.CodeTimeoutUnknown, "%v", err).WithIndex(uint64(unknown.Index)).WithCause(err)
	case errors.As(err, &halted):
		return client.NewProblem(client.CodeMachineHalted, "%v", halted).WithCause(err)
	case errors.As(err, &refused):
		return refusedProblem(refused)
	case errors.As(err, &limit):
		p := client.NewProblem(client.CodeLimitRange, "%v", limit).WithCause(err)
		p.Limit = limit.Limit
		return p
	case errors.As(err, &stale):
		return staleProblem(stale)
	case errors.As(err, &gone):
		return client.NewProblem(client.CodeEventsGone, "%v", gone).WithIndex(gone.First).WithCause(err)
	case errors.As(err, &cut):
		return client.NewProblem(client.CodeEntriesGone, "%v", cut).WithIndex(uint64(cut.First)).WithCause(err)
	case errors.Is(err, node.ErrNoLeader):
		return client.NewProblem(client.CodeNoLeader, "%v", err).WithCause(err)
	case errors.Is(err, node.ErrTimeout):
		return client.NewProblem(client.CodeTimeout, "%v", err).WithCause(err)
	case errors.As(err, &notLeader):
		leader := client.NodeRef{ID: client.NodeID(notLeader.Leader), API: b.apiOf(notLeader.Leader)}
		return client.NewProblem(client.CodeNotLeader, "%v", err).WithLeader(leader).WithCause(err)
	}
	return plainProblem(err)
}

// staleProblem says how old what a replica has may be, never less than it is.
func staleProblem(e *node.TooStaleError) *client.Problem {
	p := client.NewProblem(client.CodeTooStale, "%v", e).WithCause(e)
	p.StalenessMillis = -1
	if e.Age >= 0 {
		p.StalenessMillis = int64((e.Age + time.Millisecond - 1) / time.Millisecond)
	}
	return p
}

// plainProblem maps the errors that carry no data.
func plainProblem(err error) error {
	table := []struct {
		err  error
		code client.Code
	}{
		{node.ErrDiskFull, client.CodeDiskFull}, // Why first: it may be the cause of another one
		{node.ErrNoMachine, client.CodeUnknownMachine},
		{node.ErrNoModule, client.CodeUnknownModule},
		{node.ErrDigestMismatch, client.CodeDigestMismatch},
		{node.ErrModuleTooLarge, client.CodeModuleTooLarge},
		{node.ErrTooLarge, client.CodeCommandTooLarge},
		{raft.ErrProposalTooLarge, client.CodeCommandTooLarge},
		{node.ErrIndexNotReached, client.CodeMinIndex},
		{node.ErrLeaseNotAllowed, client.CodeLeaseNotAllowed},
		{node.ErrNoQuorum, client.CodeNoLeader},
		{node.ErrMachineNotRunning, client.CodeMachineStarting},
		{node.ErrStopping, client.CodeShuttingDown},
		{node.ErrUpgrading, client.CodeUpgradeUnderWay},
		{node.ErrNoPrevious, client.CodeNothingToRollBack},
		{node.ErrUnknownNode, client.CodeUnknownNode},
		{node.ErrNodeConflict, client.CodeNodeConflict},
		{node.ErrLastVoter, client.CodeLastVoter},
		{node.ErrUnknownToken, client.CodeUnknownToken},
		{node.ErrTokenConflict, client.CodeTokenExists},
		{node.ErrTokenUsed, client.CodeTokenUsed},
		{raft.ErrBadTransfer, client.CodeCannotLead},
		{raft.ErrDiskFailed, client.CodeShuttingDown},
		{node.ErrRestoring, client.CodeRestoring},
	}
	for _, row := range table {
		if errors.Is(err, row.err) {
			return client.NewProblem(row.code, "%v", err).WithCause(err)
		}
	}
	if p := deployProblem(err); p != nil {
		return p
	}
	if errors.Is(err, node.ErrBusy) || errors.Is(err, node.ErrBackups) || errors.Is(err, raft.ErrBackpressure) || errors.Is(err, raft.ErrTooManyReads) {
		p := client.NewProblem(client.CodeBackpressure, "%v", err).WithCause(err)
		p.RetryAfter = backpressurePause
		return p
	}
	return err
}

// deployProblem maps what the catalogue says to a deploy; nil for other errors.
func deployProblem(err error) error {
	var (
		conflict *node.ConflictError
		memory   *node.MemoryError
		level    *node.LevelRefusedError
	)
	switch {
	case errors.As(err, &conflict):
		return client.NewProblem(client.CodeMachineExists, "%v", err).WithCause(err)
	case errors.As(err, &memory):
		return client.NewProblem(client.CodeNoMemory, "%v", err).WithCause(err)
	case errors.As(err, &level):
		return client.NewProblem(client.CodeFeatureLevel, "%v", err).WithCause(err)
	}
	return nil
}

// failedProblem says why a node cannot go on, or not begin.
func failedProblem(err error) error {
	var level *node.LevelError
	if errors.As(err, &level) {
		return client.NewProblem(client.CodeReleaseTooOld, "%v", level).WithCause(err)
	}
	if errors.Is(err, node.ErrRemoved) {
		return client.NewProblem(client.CodeNodeRemoved, "%v", err).WithCause(err)
	}
	return client.NewProblem(client.CodeDiskFailed, "%v", err).WithCause(err)
}

func refusedProblem(r *plugins.RefusedError) *client.Problem {
	p := client.NewProblem(client.CodeModuleRefused, "%v", r).WithCause(r)
	if r.Hint != "" {
		p = p.WithHint("%s", r.Hint)
	}
	return p
}

// statusProblem is nil for an answer, and otherwise what a status means.
func statusProblem(status int32, data []byte, machine string) *client.Problem {
	switch status {
	case plugins.StatusOK:
		return nil
	case plugins.StatusFuel:
		return client.NewProblem(client.CodeOutOfFuel, "machine %q: %s", machine, data)
	case plugins.StatusStack:
		return client.NewProblem(client.CodeStackExhausted, "machine %q: %s", machine, data)
	case node.StatusRestoring:
		return client.NewProblem(client.CodeRestoring, "machine %q waits for its state from a backup", machine)
	case node.StatusSessionExpired:
		return client.NewProblem(client.CodeSessionExpired, "machine %q does not know the session, or no longer", machine)
	case node.StatusSequenceStale:
		return client.NewProblem(client.CodeSequenceConflict, "the session acknowledged this sequence before")
	case node.StatusSequenceWindow:
		return client.NewProblem(client.CodeSequenceConflict, "the session has %d sequences unacknowledged, the most there may be", node.SessionWindow)
	}
	switch status {
	case node.StatusKeyReused:
		return client.NewProblem(client.CodeKeyReused, "machine %q has executed another command under this key", machine)
	case node.StatusKeysFull:
		p := client.NewProblem(client.CodeBackpressure, "machine %q remembers %d idempotency keys, or %d MiB of answers, the most there may be", machine, node.KeysMax, node.KeyAnswerBytesMax>>20)
		p.RetryAfter = backpressurePause
		return p
	}
	if node.Refused(status) {
		return client.NewProblem(client.CodeMachineTrapped, "machine %q: %s", machine, data)
	}
	return client.NewProblem(client.CodeMachineRejected, "machine %q answered status %d: %s", machine, status, data)
}

// storageProblem says of a data directory that cannot be used what to do.
func storageProblem(dir string, err error) error {
	var level *node.LevelError
	switch {
	case errors.As(err, &level):
		return failedProblem(err)
	case errors.Is(err, storage.ErrInUse):
		return client.NewProblem(client.CodeDataDirInUse, "%s: %v", dir, err).WithCause(err)
	case errors.Is(err, storage.ErrForeign), errors.Is(err, storage.ErrGroupExists):
		return client.NewProblem(client.CodeDataDirForeign, "%s: %v", dir, err).WithCause(err)
	case errors.Is(err, storage.ErrDiskFull):
		return client.NewProblem(client.CodeDiskFull, "%s: %v", dir, err).WithCause(err)
	case errors.Is(err, storage.ErrFormat), errors.Is(err, storage.ErrDamaged):
		return client.NewProblem(client.CodeLocalFile, "%s: %v", dir, err).WithCause(err)
	case errors.Is(err, storage.ErrFailed), errors.Is(err, syscall.EIO):
		return client.NewProblem(client.CodeDiskFailed, "%s: %v", dir, err).WithCause(err)
	}
	return fmt.Errorf("server: data directory %s: %w", dir, err)
}

// listenProblem says of an address that cannot be listened on what to do.
func listenProblem(what, address string, err error) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return client.NewProblem(client.CodeAddressInUse, "the address for %s, %s, is in use", what, address).WithCause(err)
	}
	return client.NewProblem(client.CodeConfig, "cannot listen on %s for %s: %v", address, what, err).WithCause(err)
}
