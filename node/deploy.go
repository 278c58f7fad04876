package node

import (
	"context"
	"fmt"

	"github.com/wraft/wraft/raft"
)

// DeployRequest asks for a machine.
type DeployRequest struct {
	Machine  string
	Module   Digest        // uploaded before
	Limits   MachineLimits // 0 means the cluster's default
	Snapshot SnapshotMode
}

// Deploy creates a machine from a stored module and returns once it runs on this
// node and on its leader, so that a command finds it. This node makes the artefact that all replicas will run.
// created is false when the same machine was there; then its snapshots are made as the
// request says from now on. Errors: ErrNoModule,
// ErrNoQuorum, *LimitError, *MemoryError, *LevelRefusedError, *ConflictError,
// *plugins.RefusedError mean that nothing was created.
func (n *Node) Deploy(ctx context.Context, r DeployRequest) (m MachineRecord, created bool, err error) {
	ctx, cancel := n.bound(ctx)
	defer cancel()
	limits, err := r.Limits.fill(n.cfg.MachineMemoryMax, n.cfg.CommandBytesMax)
	if err != nil {
		return MachineRecord{}, false, err
	}
	if err := n.awaitCatalogue(ctx); err != nil {
		return MachineRecord{}, false, err
	}
	// Why here too: what runs is not prepared again, which might make another artefact.
	if have, ok := n.catalogue.Load().Machine(r.Machine); ok && have.Active.Run.same(MachineRun{Module: r.Module, Limits: limits}) && r.Snapshot.fits(have.Snapshot) {
		m, err = n.awaitServing(ctx, r.Machine)
		return m, false, err
	}
	run, err := n.prepareRun(ctx, r.Module, limits)
	if err != nil {
		return MachineRecord{}, false, err
	}
	data, err := DeployCommand(r.Machine, run, r.Snapshot)
	if err != nil {
		return MachineRecord{}, false, err
	}
	// Creating the same machine twice is answered as such.
	reply, err := n.replicateMeta(ctx, data)
	if err != nil {
		return MachineRecord{}, false, err
	}
	if err := deployError(r.Machine, reply.answer); err != nil {
		return MachineRecord{}, false, err
	}
	n.awaitApplied(ctx, MetaGroup, reply.answer.Index) // Why: the record here may be one from before
	m, err = n.awaitServing(ctx, r.Machine)
	return m, reply.answer.Status == metaOK, err
}

// deployError says what a meta machine's answer to a deploy means.
func deployError(name string, a Answer) error {
	switch a.Status {
	case metaOK, metaExists, metaMode:
		return nil
	case metaConflict:
		return &ConflictError{Name: name, Module: string(a.Data)}
	case metaMemory:
		return decodeMemoryError(a.Data)
	case metaLevel:
		return &LevelRefusedError{Why: string(a.Data)}
	case metaFull:
		return fmt.Errorf("%w: the cluster has %d machines, the most there may be", ErrBusy, MachinesMax)
	}
	return fmt.Errorf("node: deploy %q: status %d: %s", name, a.Status, a.Data)
}

// prepareRun makes a module's artefact, and returns when a quorum has both. Errors: ErrNoModule,
// *LevelRefusedError, *plugins.RefusedError, ErrNoQuorum.
func (n *Node) prepareRun(ctx context.Context, module Digest, limits MachineLimits) (MachineRun, error) {
	n.shelf.want(module)
	if !n.modules.Has(module) {
		if err := n.fetchModule(ctx, module, n.others()); err != nil {
			return MachineRun{}, fmt.Errorf("%w: %v: %w", ErrNoModule, module, err)
		}
	}
	source, err := n.modules.Get(module)
	if err != nil {
		return MachineRun{}, fmt.Errorf("node: prepare module %v: %w", module, err)
	}
	p, err := n.opener.Prepare(ctx, source, limits)
	if err != nil {
		return MachineRun{}, err
	}
	// Why before it is spread: nodes of the release before keep nothing of a pass they do not know.
	if err := n.admits(ctx, p.Pass, p.Host); err != nil {
		return MachineRun{}, err
	}
	artefact := DigestOf(p.Artefact)
	if err := n.keepModule(artefact, p.Artefact); err != nil {
		return MachineRun{}, err
	}
	run := MachineRun{Module: module, Artefact: artefact, Pass: p.Pass, Host: p.Host, Limits: limits}
	return run, n.spreadModule(ctx, module, artefact)
}

// fetchArtefact fetches a module and the artefact that a peer made of it, and keeps
// the artefact only after checking the one against the other.
func (n *Node) fetchArtefact(ctx context.Context, module, artefact Digest, peer raft.NodeID) error {
	if err := n.fetchModule(ctx, module, []raft.NodeID{peer}); err != nil {
		return err
	}
	n.shelf.want(artefact)
	if n.modules.Has(artefact) {
		return n.keptAlready(artefact)
	}
	source, err := n.modules.Get(module)
	if err != nil {
		return fmt.Errorf("node: check artefact %v: %w", artefact, err)
	}
	made, err := n.download(ctx, artefact, peer)
	if err != nil {
		return fmt.Errorf("node: fetch artefact %v: %w", artefact, err)
	}
	if err := n.opener.Verify(ctx, made, source); err != nil {
		return fmt.Errorf("node: artefact %v of %v: %w", artefact, peer, err)
	}
	return n.keepModule(artefact, made)
}
