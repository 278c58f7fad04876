package raft

import "time"

// Proposal asks for an entry to be appended to the log.
type Proposal struct {
	ID   ProposalID
	Type EntryType // EntryCommand
	Data []byte    // the core keeps it; it must not change any more
}

// Core is one replica of a group as a pure state machine.
type Core struct {
	cfg Config
	now time.Duration
	fx  Effects
}

// New validates cfg and r and returns a core that starts from them at now.
func New(cfg Config, r Restored, now time.Duration) (*Core, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return &Core{cfg: cfg.withDefaults(), now: now}, nil
}

// Tick moves time to now, in monotonic nanoseconds.
func (c *Core) Tick(now time.Duration) { c.now = max(c.now, now) }

// NextDeadline returns when Tick matters next.
func (c *Core) NextDeadline() time.Duration { return c.now + c.cfg.HeartbeatInterval }

// Receive takes a message of a peer in. ErrBadMessage: nothing was changed.
func (c *Core) Receive(from NodeID, m Message) error { return nil }

// Propose asks for entries; answers come as Effects.Accepted and Effects.Results.
func (c *Core) Propose(ps ...Proposal) {}

// Read asks for an index from which a linearizable read may be answered.
func (c *Core) Read(id ReadID) {}

// CancelRead forgets a read that nobody waits for any more.
func (c *Core) CancelRead(id ReadID) {}

// Persisted says that write id and all before it are durable.
func (c *Core) Persisted(id WriteID) {}

// PersistFailed says that a write failed; the core refuses everything from then on.
func (c *Core) PersistFailed(id WriteID, err error) {}

// Applied says that all entries up to index ran through the machine.
func (c *Core) Applied(index Index) {}

// Fetched answers Effects.Fetches with entries from lo on.
func (c *Core) Fetched(peer NodeID, lo Index, entries []Entry) {}

// Unreachable says that frames to peer were refused or lost.
func (c *Core) Unreachable(peer NodeID) {}

// Campaign makes a voter ask for votes now.
func (c *Core) Campaign() {}

// Drain moves everything accumulated into e, whose old content is dropped.
func (c *Core) Drain(e *Effects) { e.Reset(); *e, c.fx = c.fx, *e }

// Pending reports whether Drain would yield anything.
func (c *Core) Pending() bool { return !c.fx.Empty() }

// Status describes the core as it is now.
func (c *Core) Status() Status { return Status{ID: c.cfg.ID, Group: c.cfg.Group} }
