package node

import (
	"github.com/wraft/wraft/raft"
)

// seatingLoop drives the Seating: changes go to the shards, reports to the meta group.
type seatingLoop struct {
	node    *Node
	seating *Seating
	in      *mailbox[func(*Seating)]
}

func newSeatingLoop(n *Node) *seatingLoop {
	return &seatingLoop{node: n, seating: NewSeating(n.cfg.Self, n.clock.Now()), in: newMailbox[func(*Seating)](1 << 16)}
}

// run is the seating goroutine.
func (l *seatingLoop) run() {
	drive(l.node, l.in, l.seating, func() {
		for _, a := range l.seating.Next() {
			l.do(a)
		}
	})
}

// do starts an action. Its end comes back as an input.
func (l *seatingLoop) do(a SeatingAction) {
	g := l.node.group(a.Group)
	if g == nil {
		l.in.force(func(s *Seating) { s.Changed(a.Group, &raft.NotLeaderError{}) })
		return
	}
	switch {
	case a.Change != nil:
		l.node.log.Info("changing the members of a group", "group", a.Group, "change", a.Change.Kind.String(), "peer", uint64(a.Change.Node))
		g.shard.in.force(func(s *Shard) { s.ChangeSeats(a.Group, a.Expected, *a.Change, l.node.cfg.ElectionTimeout) })
	case a.StepAside:
		g.shard.in.force(func(s *Shard) { s.HandOver(a.Group) })
	case a.Report != nil:
		l.node.spawn(func() {
			err := l.report(g, *a.Report)
			l.in.force(func(s *Seating) { s.Reported(a.Group, a.Report.Index, err) })
		})
	}
}

// report tells the meta group, if the seats are committed.
func (l *seatingLoop) report(g *group, seats Seats) error {
	ctx, cancel := l.node.bound(l.node.ctx)
	defer cancel()
	status, err := l.node.status(ctx, g)
	if err != nil {
		return err
	}
	if status.Commit < seats.Index || status.Configuration.Index != seats.Index {
		return raft.ErrChangePending
	}
	data, err := SeatsCommand(g.id, seats)
	if err == nil {
		_, err = l.node.replicateIdempotent(ctx, MetaGroup, Command{Kind: CommandCall, Data: data})
	}
	return err
}

// seated hands the end of a change to the seating.
func (n *Node) seated(c GroupChange) {
	if c.Err != nil {
		n.log.Debug("the members of a group are not changed yet", "group", c.Group, "err", c.Err)
	}
	n.seating.in.force(func(s *Seating) { s.Changed(c.Group, c.Err) })
}
