package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/wraft/wraft/plugins"
	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/storage"
)

// snapshotRetryMin and snapshotRetryMax bound the pause between two tries to get a
// snapshot, or the module that it needs.
const (
	snapshotRetryMin = 100 * time.Millisecond
	snapshotRetryMax = 5 * time.Second
)

// openReplica returns an applier of a group as far on as this node can have it by
// itself: from the newest snapshot that is sound and from which the log leads on, or
// from the beginning of the log. When there is neither it gets a snapshot from a peer,
// for as long as it takes. The error is that of fresh or open, or ErrStopping.
func (n *Node) openReplica(g *group, fresh func() (*Applier, error), open OpenSnapshot) (*Applier, error) {
	pause := snapshotRetryMin
	for {
		status, err := n.status(g.ctx, g)
		if err == nil {
			var a *Applier
			a, err = n.openNewest(g, status.PurgedIndex, open)
			if a == nil && err == nil && status.PurgedIndex == 0 {
				a, err = fresh()
			}
			if a != nil || err != nil && !errors.Is(err, errTryAgain) {
				return a, err
			}
			again := err == nil
			if err = n.obtainInstead(g, status.PurgedIndex, err); err == nil && again && g.ctx.Err() == nil {
				continue
			}
		}
		if g.ctx.Err() == nil {
			n.log.Warn("a replica cannot begin yet; it is tried again", "group", g.id, "err", err)
		}
		select {
		case <-g.ctx.Done():
			return nil, ErrStopping
		case <-n.clock.NewTimer(pause).C():
			pause = min(2*pause, snapshotRetryMax)
		}
	}
}

// obtainInstead gets a snapshot from a peer with which a replica can begin that cannot
// begin with what is here. lacking is nil when there is nothing, and otherwise says that
// what there is needs a module which nobody who was asked has: a newer snapshot may need
// another one, as that of whoever has removed this one does.
func (n *Node) obtainInstead(g *group, purged raft.Index, lacking error) error {
	if lacking == nil {
		n.log.Warn("no snapshot on this node can be used, and the log before it is gone; asking the other nodes", "group", g.id)
		return n.snapshots.obtain(g.ctx, g, purged)
	}
	n.log.Warn("a module that a replica begins with is not to be had; asking the other nodes for a newer snapshot", "group", g.id, "err", lacking)
	if err := n.snapshots.obtainNewer(g.ctx, g, purged); err != nil {
		return errors.Join(lacking, err)
	}
	return nil
}

// errTryAgain is what open returns when something is missing that may come.
var errTryAgain = errors.New("node: not now")

// openNewest tries the snapshots from which the log leads on, the newest first. Without
// any it returns nil.
func (n *Node) openNewest(g *group, purged raft.Index, open OpenSnapshot) (*Applier, error) {
	s := n.snapshots
	if s.files == nil {
		return nil, nil
	}
	files, err := s.files.List(g.id)
	if err != nil {
		return nil, err
	}
	for i := len(files) - 1; i >= 0 && files[i].Index >= purged; i-- {
		began := n.clock.Now()
		a, err := s.restore(n.ctx, files[i], open)
		if err == nil {
			n.log.Info("replica begins from a snapshot", "group", g.id, "index", files[i].Index, "took", n.clock.Now()-began)
			return a, nil
		}
		if !s.condemn(files[i], err) {
			return nil, err
		}
	}
	return nil, nil
}

// restore makes an applier of a snapshot file and those that it rests on.
func (s *snapshots) restore(ctx context.Context, file storage.SnapshotFile, open OpenSnapshot) (*Applier, error) {
	chain, err := s.files.Chain(file)
	if err != nil {
		return nil, err
	}
	var contents []io.Reader
	for _, f := range chain {
		file, err := s.files.Open(f)
		if err != nil {
			return nil, err
		}
		r := newReadAhead(file)
		defer r.Close()
		contents = append(contents, r)
	}
	return RestoreApplier(ctx, file.Group, contents, open, s.node.store)
}

// condemn puts a file away that turned out to be of no use, and reports whether that
// is what the error says.
func (s *snapshots) condemn(file storage.SnapshotFile, cause error) bool {
	var damaged *storage.SnapshotDamagedError
	switch {
	case errors.As(cause, &damaged):
		file = damaged.File
	case errors.Is(cause, storage.ErrSnapshotMissing), errors.Is(cause, plugins.ErrImage), errors.Is(cause, ErrSnapshotState):
	default:
		return false
	}
	s.meter.damaged.Add(1)
	s.node.log.Error("a snapshot cannot be used and is put away; look at the disk of the data directory", "group", file.Group,
		"index", file.Index, "digest", file.Digest.String(), "err", cause)
	if err := s.files.Condemn(file); err != nil {
		s.node.log.Error("a damaged snapshot could not be put away", "group", file.Group, "index", file.Index, "err", err)
	}
	return true
}

// distrust puts away what this node's own replica has recorded of a group behind an
// index, because its state was wrong.
func (s *snapshots) distrust(g raft.GroupID, behind raft.Index, cause error) {
	if s.files == nil {
		return
	}
	files, err := s.files.List(g)
	if err != nil {
		s.node.log.Error("snapshots of a wrong state could not be put away", "group", g, "err", err)
	}
	for _, f := range files {
		if f.Index > behind {
			s.condemn(f, &storage.SnapshotDamagedError{File: f, Err: cause})
		}
	}
}

// openMeta opens the catalogue.
func (n *Node) openMeta() {
	g := n.group(MetaGroup)
	machine := func() *MetaMachine {
		m := NewMetaMachine(n.observeCatalogue)
		m.serves = n.cfg.Serves
		return m
	}
	n.spawn(func() {
		a, err := n.openReplica(g, func() (*Applier, error) { return NewApplier(MetaGroup, machine(), n.store), nil },
			func(_ MachineRun, _ plugins.Moment, parts []io.Reader) (Machine, error) {
				if len(parts) == 0 {
					return nil, fmt.Errorf("%w: the catalogue is not exported", ErrSnapshotState)
				}
				m := machine()
				return m, m.Load(parts[len(parts)-1])
			})
		if err != nil {
			g.applier.in.force(func(l *applierLoop) { l.halt(err, ApplyWork{}) })
			return
		}
		g.applier.open(a, nil)
	})
}

// openWASM opens a machine from its beginning, which is the moment created, or from images.
func (l *deployLoop) openWASM(m MachineRecord, run MachineRun, created plugins.Moment, images []io.Reader) (Machine, error) {
	n := l.node
	artefact, err := n.artefact(run)
	if err != nil {
		return nil, err
	}
	select {
	case l.opening <- struct{}{}:
		defer func() { <-l.opening }()
	case <-n.stop:
		return nil, ErrStopping
	}
	o := n.openConfig(m.Name, m.Group, run, created)
	if images == nil {
		return n.opener.Open(n.ctx, artefact, o)
	}
	restorer, ok := n.opener.(MachineRestorer)
	if !ok {
		return nil, errors.New("node: machines here do not begin from images")
	}
	return restorer.Restore(n.ctx, artefact, o, images...)
}

// artefact returns what runs, and fetches it and its module when they are not here: a
// snapshot may have been taken behind an upgrade that this node never saw.
func (n *Node) artefact(run MachineRun) ([]byte, error) {
	artefact, err := n.modules.Get(run.Artefact)
	if err == nil || !errors.Is(err, ErrNoModule) {
		return artefact, err
	}
	for _, d := range []Digest{run.Artefact, run.Module} {
		if err := n.fetchModule(n.ctx, d, n.others()); err != nil {
			return nil, fmt.Errorf("%w: %w", errTryAgain, err)
		}
	}
	return n.modules.Get(run.Artefact)
}
