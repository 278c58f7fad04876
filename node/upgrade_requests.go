package node

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/wraft/wraft/raft"
)

// UpgradeRequest asks for another module of a running machine.
type UpgradeRequest struct {
	Machine string
	Module  Digest        // ignored by a rollback
	Limits  MachineLimits // 0 keeps the machine's; ignored by a rollback
	By      string        // who asks, for the history; cut at UpgradeByBytesMax
	At      int64         // when, Unix ns, for the history
	// Rollback goes back to the module, and its limits, from before the last upgrade.
	Rollback bool
}

var (
	// ErrUpgrading: another upgrade of the machine is under way. Wait for it.
	ErrUpgrading = errors.New("node: another upgrade is under way")
	// ErrNoPrevious: the machine was never upgraded. Nothing can be rolled back.
	ErrNoPrevious = errors.New("node: no module to roll back to")
)

// UpgradeRefusedError: the machine's log refused the upgrade; every replica goes
// on with the old module. Mend the module.
type UpgradeRefusedError struct {
	Machine string
	Upgrade UpgradeRecord
}

// Error says why, and what serves.
func (e *UpgradeRefusedError) Error() string {
	return fmt.Sprintf("node: upgrade %d of %q was refused at index %d: %s; %v goes on", e.Upgrade.ID, e.Machine, e.Upgrade.Index, e.Upgrade.Reason, e.Upgrade.From.Module)
}

// UpgradePendingError: the upgrade is recorded and will be carried out; the time
// was over before that. Look at the machine's history.
type UpgradePendingError struct {
	Machine string
	ID      DeployID
	Cause   error
}

// Error names the upgrade.
func (e *UpgradePendingError) Error() string {
	return fmt.Sprintf("node: upgrade %d of %q is recorded and not decided yet: %v", e.ID, e.Machine, e.Cause)
}

// Unwrap returns the cause.
func (e *UpgradePendingError) Unwrap() error { return e.Cause }

// Upgrade records an upgrade in the meta group and returns once the machine's log
// has decided it and this node has applied that. changed is false when the machine
// runs the module with those limits already. Errors: ErrNoMachine, ErrNoModule,
// ErrUpgrading, ErrNoPrevious, *LimitError, *MemoryError, *LevelRefusedError,
// *plugins.RefusedError mean that nothing was recorded; *UpgradeRefusedError, *UpgradePendingError; and those of Call.
func (n *Node) Upgrade(ctx context.Context, r UpgradeRequest) (m MachineRecord, u UpgradeRecord, changed bool, err error) {
	ctx, cancel := n.bound(ctx)
	defer cancel()
	if err := n.awaitCatalogue(ctx); err != nil {
		return m, u, false, err
	}
	if m, err = n.Find(ctx, r.Machine); err != nil {
		return m, u, false, err
	}
	var to MachineRun
	if !r.Rollback {
		limits, err := r.Limits.orElse(m.Active.Run.Limits).fill(n.cfg.MachineMemoryMax, n.cfg.CommandBytesMax)
		if err != nil {
			return m, u, false, err
		}
		if to, err = n.prepareRun(ctx, r.Module, limits); err != nil {
			return m, u, false, err
		}
	}
	id, changed, err := n.beginUpgrade(ctx, r, to)
	if err != nil || !changed {
		return m, u, false, err
	}
	m, u, err = n.awaitUpgrade(ctx, r.Machine, id)
	return m, u, err == nil, err
}

// beginUpgrade records the intent. Recording it twice is recording it once.
func (n *Node) beginUpgrade(ctx context.Context, r UpgradeRequest, to MachineRun) (id DeployID, changed bool, err error) {
	data, err := BeginUpgradeCommand(r, to)
	if err != nil {
		return 0, false, err
	}
	reply, err := n.replicateMeta(ctx, data)
	if err != nil {
		return 0, false, err
	}
	answer := reply.answer
	if len(answer.Data) == 8 {
		id = DeployID(binary.BigEndian.Uint64(answer.Data))
	}
	switch answer.Status {
	case metaOK:
		return id, true, nil
	case metaExists:
		return 0, false, nil
	case metaUnknownMachine:
		return 0, false, fmt.Errorf("%w: %q", ErrNoMachine, r.Machine)
	case metaUpgrading:
		return 0, false, fmt.Errorf("%w: upgrade %d of %q", ErrUpgrading, id, r.Machine)
	case metaMemory, metaLevel:
		return 0, false, deployError(r.Machine, answer)
	case metaNoPrevious:
		return 0, false, fmt.Errorf("%w: %q runs the module it was created with", ErrNoPrevious, r.Machine)
	}
	return 0, false, fmt.Errorf("node: upgrade %q: status %d: %s", r.Machine, answer.Status, answer.Data)
}

// awaitUpgrade waits until an upgrade is decided and applied here.
func (n *Node) awaitUpgrade(ctx context.Context, name string, id DeployID) (MachineRecord, UpgradeRecord, error) {
	for {
		changed := n.changed.next()
		m, ok := n.catalogue.Load().Machine(name)
		u, found := m.Upgrade(id)
		switch {
		case ok && found && u.State == UpgradeDone:
			n.awaitApplied(ctx, m.Group, u.Index)
			return m, u, nil
		case ok && found && u.State == UpgradeRefused:
			return m, u, &UpgradeRefusedError{Machine: name, Upgrade: u}
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return m, u, &UpgradePendingError{Machine: name, ID: id, Cause: timeoutError(ctx.Err())}
		case <-n.stop:
			return m, u, &UpgradePendingError{Machine: name, ID: id, Cause: ErrStopping}
		}
	}
}

// awaitApplied waits until this node has applied an index, for as long as the
// caller has time: what was asked for is done whether or not it is seen here.
func (n *Node) awaitApplied(ctx context.Context, id raft.GroupID, index raft.Index) {
	if g := n.group(id); g != nil {
		q := &queryCall{call: call{done: make(chan reply, 1)}, only: true}
		g.applier.query(q, index)
		_, _ = n.await(ctx, &q.call)
	}
}

// Running is the module that this node's replica of a group runs, and since which
// index; the zero value while the machine is not open here.
func (n *Node) Running(id raft.GroupID) RunningModule {
	if g := n.group(id); g != nil {
		if r := g.applier.running.Load(); r != nil {
			return *r
		}
	}
	return RunningModule{}
}
