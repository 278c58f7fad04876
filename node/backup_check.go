package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/wraft/wraft/plugins"
	"github.com/wraft/wraft/raft"
)

// StateCheckup is what it takes to make a machine of a state, away from any cluster.
type StateCheckup struct {
	Cluster  string
	Group    raft.GroupID
	Machine  string
	Run      MachineRun // what ran
	Module   []byte
	Artefact []byte
}

// CheckedState is what came of a state.
type CheckedState struct {
	Index    raft.Index
	Sessions int
	// State names the machine's state; zero when the machine has no hash.
	State plugins.StateHash
	// Exact: what ran is what made it. Otherwise this release made the module anew, and
	// the hash says nothing about another release's.
	Exact bool
}

// CheckState makes a throw-away machine of a state, as every replica does that is given
// it. Errors: ErrSnapshotState, plugins.ErrImage, *plugins.GuestError when it is not one
// of that machine; plugins.ErrArtefact, *plugins.VersionError, *plugins.RefusedError when
// this release does not run what it takes; those of content.
func CheckState(ctx context.Context, opener MachineOpener, c StateCheckup, content io.Reader) (out CheckedState, err error) {
	out.Exact = true
	err = opener.Verify(ctx, c.Artefact, c.Module)
	var version *plugins.VersionError
	if errors.As(err, &version) { // an export can do with what this release makes
		var p Prepared
		if p, err = opener.Prepare(ctx, c.Module, c.Run.Limits); err == nil {
			out.Exact = false
			c.Run.Artefact, c.Run.Pass, c.Run.Host, c.Artefact = DigestOf(p.Artefact), p.Pass, p.Host, p.Artefact
		}
	}
	if err != nil {
		return out, err
	}
	a := &Applier{group: c.Group, upgrades: upgrades{opener: throwAway{opener, c}, running: RunningModule{Run: c.Run}}}
	made, err := a.readState(ctx, content)
	if err != nil {
		return out, err
	}
	out.Index, out.Sessions = made.state.Applied, made.sessions.Len()
	if h, ok := made.machine.(StateHasher); ok {
		out.State, err = h.StateHash()
	}
	return out, errors.Join(err, made.machine.Close(ctx))
}

// throwAway opens machines that nobody will use.
type throwAway struct {
	opener MachineOpener
	what   StateCheckup
}

func (t throwAway) config(run MachineRun, created plugins.Moment) OpenConfig {
	return OpenConfig{
		Name: t.what.Machine, Limits: run.Limits, Seed: machineSeed(t.what.Cluster, t.what.Group),
		Logger: slog.New(slog.DiscardHandler), Created: created,
	}
}

// OpenSuccessor implements SuccessorOpener.
func (t throwAway) OpenSuccessor(ctx context.Context, run MachineRun, created plugins.Moment) (Upgradable, error) {
	m, err := t.opener.Open(ctx, t.what.Artefact, t.config(run, created))
	if err != nil {
		return nil, err
	}
	u, ok := m.(Upgradable)
	if !ok {
		return nil, errors.Join(fmt.Errorf("%w: the machine takes no exports", ErrSnapshotState), m.Close(ctx))
	}
	return u, nil
}

// OpenImage implements ImageOpener.
func (t throwAway) OpenImage(ctx context.Context, run MachineRun, image io.Reader) (Machine, error) {
	r, ok := t.opener.(MachineRestorer)
	if !ok {
		return nil, fmt.Errorf("%w: machines here do not begin from images", ErrSnapshotState)
	}
	return r.Restore(ctx, t.what.Artefact, t.config(run, plugins.Moment{}), image)
}
