package node

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/wraft/wraft/plugins"
	"github.com/wraft/wraft/raft"
)

// RestoreRequest asks for a machine with a state from a backup.
type RestoreRequest struct {
	Machine  string
	Run      MachineRun // what ran; of an export only its module and limits matter
	Export   bool       // the state is an export, which any release can make anew
	Snapshot SnapshotMode
	Content  io.Reader // what Backup.WriteTo wrote
}

// RestoreMachine creates a machine and gives it a state. The machine executes nothing
// before it has all of it: it is as it was backed up, or waits. After an error other
// than *RestoreExistsError the same may be asked again. Errors that mean that nothing
// was created are those of Deploy; *RestoreExistsError, *RestoreRefusedError,
// ErrRestoreOverrun, those of Content and those of Call.
func (n *Node) RestoreMachine(ctx context.Context, r RestoreRequest) (MachineRecord, raft.Index, error) {
	content := bufio.NewReaderSize(r.Content, restoreChunkBytes)
	if err := n.canRestore(content); err != nil {
		return MachineRecord{}, 0, err
	}
	r.Content = content
	m, err := n.createForRestore(ctx, r)
	if err != nil {
		return m, 0, err
	}
	begun, _, err := n.restoreStep(ctx, m, RestoreOrder{Step: RestoreBegin})
	if err != nil {
		return m, 0, err
	}
	sent, err := n.sendState(ctx, m, begun.Attempt, r.Content)
	if err != nil {
		return m, 0, err
	}
	_, index, err := n.restoreStep(ctx, m, RestoreOrder{Step: RestoreCommit, Attempt: begun.Attempt, Offset: sent})
	return m, index, err
}

// canRestore refuses a state that nodes of the release before could not read. What cannot
// be read at all is refused by the log.
func (n *Node) canRestore(content *bufio.Reader) error {
	begin, _ := content.Peek(stateBeginBytes)
	if versionOfState(begin) < snapshotLaterVersion {
		return nil
	}
	return n.needsLevel(Level2, "states with idempotency keys, or sessions that end by time,")
}

// sendState puts a state into the machine's log and returns its length.
func (n *Node) sendState(ctx context.Context, m MachineRecord, attempt raft.Index, content io.Reader) (sent uint64, err error) {
	chunk := make([]byte, restoreChunkBytes)
	for {
		k, err := io.ReadFull(content, chunk)
		if k > 0 {
			if _, _, failed := n.restoreStep(ctx, m, RestoreOrder{Step: RestoreData, Attempt: attempt, Offset: sent, Data: chunk[:k]}); failed != nil {
				return sent, failed
			}
			sent += uint64(k)
		}
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return sent, nil
		case err != nil:
			return sent, fmt.Errorf("node: read the state of %q: %w", m.Name, err)
		}
	}
}

// restoreStep puts one order into the machine's log. Doing so twice is doing so once.
func (n *Node) restoreStep(ctx context.Context, m MachineRecord, o RestoreOrder) (RestoreOutcome, raft.Index, error) {
	c, err := RestoreCommand(o)
	if err != nil {
		return RestoreOutcome{}, 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, n.cfg.RequestTimeout)
	defer cancel()
	r, err := n.replicateIdempotent(ctx, m.Group, c)
	if err != nil {
		return RestoreOutcome{}, 0, n.deletedOr(m.Group, err)
	}
	if r.answer.Status == plugins.StatusMalformed {
		return RestoreOutcome{}, 0, fmt.Errorf("node: restore %q: %s", m.Name, r.answer.Data)
	}
	out, err := DecodeRestoreOutcome(r.answer.Data)
	if err != nil {
		return out, 0, err
	}
	switch out.Status {
	case StatusRestoreRefused:
		err = &RestoreRefusedError{Machine: m.Name, Reason: out.Reason}
	case StatusRestoreLate:
		err = &RestoreExistsError{Machine: m.Name, Why: "it has a state"}
	case StatusRestoreStale:
		err = ErrRestoreOverrun
	}
	return out, r.answer.Index, err
}

// createForRestore makes a machine that waits for a state, or finds it.
func (n *Node) createForRestore(ctx context.Context, r RestoreRequest) (MachineRecord, error) {
	ctx, cancel := n.bound(ctx)
	defer cancel()
	if err := n.awaitCatalogue(ctx); err != nil {
		return MachineRecord{}, err
	}
	if err := n.Barrier(ctx); err != nil {
		return MachineRecord{}, err
	}
	have, there := n.catalogue.Load().Machine(r.Machine)
	if there && !(have.Restore && have.Run.same(r.Run)) {
		return have, &RestoreExistsError{Machine: r.Machine, Why: fmt.Sprintf("it runs %v", have.Active.Run.Module)}
	}
	if there {
		return n.awaitServing(ctx, r.Machine)
	}
	run, err := n.runForRestore(ctx, r)
	if err != nil {
		return MachineRecord{}, err
	}
	data, err := CreateForRestoreCommand(r.Machine, run, r.Snapshot)
	if err != nil {
		return MachineRecord{}, err
	}
	reply, err := n.replicateMeta(ctx, data)
	if err != nil {
		return MachineRecord{}, err
	}
	if err := deployError(r.Machine, reply.answer); err != nil {
		return MachineRecord{}, err
	}
	n.awaitApplied(ctx, MetaGroup, reply.answer.Index)
	return n.awaitServing(ctx, r.Machine)
}

// runForRestore is what the machine is to run, with all of it on a quorum: of an export
// what this node makes of the module, of an image exactly what ran.
func (n *Node) runForRestore(ctx context.Context, r RestoreRequest) (MachineRun, error) {
	if err := r.Run.Limits.check(n.cfg.MachineMemoryMax, n.cfg.CommandBytesMax, false); err != nil {
		return MachineRun{}, err
	}
	if r.Export {
		return n.prepareRun(ctx, r.Run.Module, r.Run.Limits)
	}
	for _, d := range []Digest{r.Run.Module, r.Run.Artefact} {
		if err := n.fetchModule(ctx, d, n.others()); err != nil {
			return MachineRun{}, fmt.Errorf("%w: %v: %w", ErrNoModule, d, err)
		}
	}
	return r.Run, n.spreadModule(ctx, r.Run.Module, r.Run.Artefact)
}

// PutArtefact stores what a release made of a module that is here, so that an image of it
// can be restored. Errors: ErrNoModule, ErrDigestMismatch, ErrModuleTooLarge;
// plugins.ErrArtefact and *plugins.VersionError when it is not of this module, or of
// what this release does not run.
func (n *Node) PutArtefact(ctx context.Context, want, module Digest, body io.Reader) error {
	made, err := io.ReadAll(io.LimitReader(body, plugins.ArtefactBytesMax+1))
	if err != nil {
		return fmt.Errorf("node: read artefact: %w", err)
	}
	if len(made) > plugins.ArtefactBytesMax {
		return fmt.Errorf("%w: the limit is %d bytes", ErrModuleTooLarge, plugins.ArtefactBytesMax)
	}
	if got := DigestOf(made); got != want {
		return fmt.Errorf("%w: the bytes are %v, not %v", ErrDigestMismatch, got, want)
	}
	if err := n.fetchModule(ctx, module, n.others()); err != nil {
		return fmt.Errorf("%w: %v: %w", ErrNoModule, module, err)
	}
	source, err := n.modules.Get(module)
	if err != nil {
		return fmt.Errorf("node: check artefact %v: %w", want, err)
	}
	if err := n.opener.Verify(ctx, made, source); err != nil {
		return fmt.Errorf("node: artefact %v: %w", want, err)
	}
	return n.keepModule(want, made)
}

// Module returns a module, or an artefact, from wherever it is. Errors: ErrNoModule.
func (n *Node) Module(ctx context.Context, d Digest) ([]byte, error) {
	if err := n.fetchModule(ctx, d, n.others()); err != nil {
		return nil, fmt.Errorf("%w: %v: %w", ErrNoModule, d, err)
	}
	return n.modules.Get(d)
}

// Restoring reports whether this node's replica of a group waits for its state.
func (n *Node) Restoring(id raft.GroupID) bool {
	g := n.group(id)
	return g != nil && g.applier.empty.Load()
}
