package node

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/wraft/wraft/plugins"
	"github.com/wraft/wraft/raft"
)

// Upgradable is a machine whose state another module can take over.
type Upgradable interface {
	Machine
	// Import replaces the state by one that an Export wrote, of the module with
	// the given version. A *plugins.GuestError is the module's refusal.
	Import(ctx context.Context, at plugins.Moment, r io.Reader, fromVersion uint32) error
	// Version is the number that the author gave to the module.
	Version(ctx context.Context) (uint32, error)
	// Clock is the machine's time in ns, which may be ahead of the log's.
	Clock() int64
}

// SuccessorOpener starts instances of the modules that upgrade entries name.
type SuccessorOpener interface {
	// OpenSuccessor starts an instance whose first moment is created. Errors:
	// ErrNoModule when the artefact is not here yet; *plugins.GuestError when it
	// fails to start; anything else is trouble of this node.
	OpenSuccessor(ctx context.Context, run MachineRun, created plugins.Moment) (Upgradable, error)
}

// AwaitModuleError: the next entry is an upgrade to an artefact that is not here.
// Everything before it is applied; apply the rest when the module has come.
type AwaitModuleError struct {
	Module Digest
	Index  raft.Index
}

// Error names the module.
func (e *AwaitModuleError) Error() string {
	return fmt.Sprintf("node: entry %d upgrades to module %v, which is not here yet", e.Index, e.Module)
}

// Is makes errors.Is(err, ErrNoModule) true.
func (e *AwaitModuleError) Is(target error) bool { return target == ErrNoModule }

// RunningModule is what a replica runs, and since when.
type RunningModule struct {
	Run   MachineRun
	Since raft.Index // of the upgrade entry that led to it; 0 for what the machine was created with
}

// upgrades is what an applier knows of its machine's modules. All of it but opener
// is replicated state.
type upgrades struct {
	opener  SuccessorOpener
	running RunningModule
	decided UpgradeOutcome // the newest; ID 0 is none
	answer  Answer         // to it
}

// FollowUpgrades lets the applier obey the upgrade entries of its log. first is
// what the log begins with; an applier that was restored knows better what runs.
func (a *Applier) FollowUpgrades(first MachineRun, o SuccessorOpener) {
	a.upgrades.opener = o
	if a.applied == 0 {
		a.upgrades.running = RunningModule{Run: first}
	}
}

// Running is the module that runs behind the applied index.
func (a *Applier) Running() RunningModule { return a.upgrades.running }

// LastUpgrade is the outcome of the newest upgrade in the log, refused ones
// included; ID 0 when there was none.
func (a *Applier) LastUpgrade() UpgradeOutcome { return a.upgrades.decided }

// After is what is left of the work when everything up to index is applied.
func (w ApplyWork) After(index raft.Index) ApplyWork {
	if index < w.Range.First {
		return w
	}
	if w.Range.Entries != nil {
		w.Range.Entries = w.Range.Entries[index-w.Range.First+1:]
	}
	w.Range.First = index + 1
	return w
}

// applyUpgrade obeys an upgrade entry: everything or nothing of it. The error is
// trouble of this node alone, or an *AwaitModuleError.
func (a *Applier) applyUpgrade(ctx context.Context, e raft.Entry, at plugins.Moment, c Command) ([]Applied, error) {
	var o UpgradeOrder
	if err := batchDecoding.Unmarshal(c.Data, &o); err != nil || o.ID == 0 || a.upgrades.opener == nil {
		return []Applied{{Answer: Answer{Index: e.Index, Term: e.Term, Status: plugins.StatusMalformed, Data: []byte("not an upgrade of this group")}}}, nil
	}
	switch last := a.upgrades.decided.ID; {
	case o.ID == last:
		return []Applied{{Answer: a.upgrades.answer, Replayed: true}}, nil
	case o.ID < last:
		return a.upgradeAnswer(e, UpgradeOutcome{ID: o.ID, Index: e.Index, Status: StatusUpgradeStale, Module: a.upgrades.running.Run.Module})
	}
	reason, err := a.switchTo(ctx, e.Index, at, o)
	if err != nil {
		var await *AwaitModuleError
		if errors.As(err, &await) {
			return nil, err
		}
		return nil, fmt.Errorf("node: upgrade %d of group %d at index %d: %w", o.ID, a.group, e.Index, err)
	}
	out := UpgradeOutcome{ID: o.ID, Index: e.Index, Reason: reason, Module: a.upgrades.running.Run.Module}
	if reason != "" {
		out.Status = StatusUpgradeRefused
	}
	answers, err := a.upgradeAnswer(e, out)
	if err == nil {
		a.upgrades.decided, a.upgrades.answer = out, answers[0].Answer
	}
	return answers, err
}

func (a *Applier) upgradeAnswer(e raft.Entry, o UpgradeOutcome) ([]Applied, error) {
	data, err := encodeUpgrade(o)
	return []Applied{{Answer: Answer{Index: e.Index, Term: e.Term, Status: o.Status, Data: data}}}, err
}

// switchTo changes the applier's machine to the order's module, or says why not
// and leaves it as it is.
func (a *Applier) switchTo(ctx context.Context, index raft.Index, at plugins.Moment, o UpgradeOrder) (reason string, err error) {
	old, ok := a.machine.(Upgradable)
	switch {
	case a.pending != nil:
		return "the machine waits for its state from a backup", nil
	case o.Refused != "":
		return boundedReason(o.Refused), nil
	case o.From != a.upgrades.running.Run:
		return fmt.Sprintf("the machine runs %v, the upgrade is from %v", a.upgrades.running.Run.Module, o.From.Module), nil
	case !ok:
		return "the machine cannot be upgraded", nil
	}
	h, reason, err := a.handOver(ctx, index, at, old, o.To, upgradeWords)
	if reason != "" || err != nil {
		return reason, err
	}
	_ = old.Close(ctx) // it holds nothing that is needed any more
	a.machine = h.next
	a.upgrades.running = RunningModule{Run: o.To, Since: index}
	return "", nil
}

// refuseOrHalt tells a module's fault, which all replicas meet, from this node's.
func (a *Applier) refuseOrHalt(what string, err error) (reason string, _ error) {
	// Why not a refused binary: the leader took it, so this node's wraftd differs,
	// and its verdict must not become the machine's.
	var refused *plugins.RefusedError
	var version *plugins.VersionError
	if reason, ok := verdictOf(what, err); ok && !errors.As(err, &refused) && !errors.As(err, &version) {
		return reason, nil
	}
	return "", fmt.Errorf("%s: %w", what, err)
}
