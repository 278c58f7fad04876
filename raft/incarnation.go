package raft

// self is this node in its present life.
func (c *Core) self() Member { return Member{Node: c.cfg.ID, Incarnation: c.cfg.Incarnation} }

// ReceiveFrom is Receive for a driver that knows the life its peer is in.
//
// What a life says that the configuration has left behind is dropped. Of a life that is
// not a member yet only what counts towards a majority is: votes, acknowledgements
// and answers to rounds are a member's, who remembers what it promised, and a node with
// a fresh disk remembers nothing. Why not the rest: this replica may itself be behind,
// and then that life is a member which may ask for votes and lead.
func (c *Core) ReceiveFrom(from Member, m Message) error {
	if known := c.config().IncarnationOf(from.Node); known != 0 && known != from.Incarnation {
		if from.Incarnation < known || c.counts(m) {
			return nil
		}
	}
	return c.Receive(from.Node, m)
}

// counts reports whether a message may count towards a majority. One of a later term
// cannot: it ends whatever is being counted.
func (c *Core) counts(m Message) bool {
	switch m := m.(type) {
	case PreVoteReply:
		return m.Granted
	case VoteReply, AppendReply, HeartbeatReply, InstallSnapshotReply:
		return m.MessageTerm() <= c.term
	}
	return false
}
