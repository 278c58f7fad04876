package sim

import (
	"time"

	"github.com/wraft/wraft/raft"
)

const (
	// A client asks again after askTime, and waits twice as long each time up to
	// askTimeMax. It gives an operation up after patience.
	askTime    = 2 * time.Second
	askTimeMax = 16 * time.Second
	patience   = time.Minute
	// backoffMax is how soon it asks again when it was refused.
	backoffMax = 500 * time.Millisecond
)

// client runs its operations one after the other. What had no certain answer is
// asked again, often of another node, under the same session and sequence.
type client struct {
	number   uint64
	session  uint64 // 0: none is open
	sequence uint64 // the newest used
	queue    []Operation
	doing    *undertaking
	turn     uint64 // counts attempts: what belongs to an earlier one is void
}

// undertaking is an operation a client is busy with.
type undertaking struct {
	Operation
	began    time.Duration
	known    raft.Index // committed somewhere when it began
	least    uint64     // the list's length that somebody had seen when it began
	session  uint64     // of its command; 0: not sent yet
	sequence uint64
	sent     int // attempts of its command
	wait     time.Duration
}

// call is a proposal or read under way or over.
type call struct {
	read   bool
	change bool   // of configuration
	strike uint64 // that asked for the change
	mode   raft.ReadMode
	maxAge time.Duration // of a bounded read, in the world's time
	known  raft.Index    // committed somewhere when it began
	client *client       // who waits for it; nil: nobody
	turn   uint64
	node   *node
	// What became of a proposal.
	outcome raft.Outcome
	index   raft.Index
	term    raft.Term
}

// planClients plans every operation.
func (w *world) planClients(operations []Operation) {
	for i := range w.setup.Clients {
		w.clients = append(w.clients, &client{number: uint64(i)})
	}
	for _, o := range operations {
		w.agenda.plan(time.Duration(o.At), func() error {
			if w.quiet {
				return nil
			}
			return w.begin(o)
		})
	}
}

// begin takes an operation up, or queues it behind the client's others.
func (w *world) begin(o Operation) error {
	c := w.clients[o.Client]
	if o.Kind == Bounded || o.Kind == Local {
		return w.glance(o)
	}
	if o.Kind == Expire {
		if c.session == 0 {
			return nil
		}
		// Somebody else ends the session, while the client may be asking again.
		return w.propose(w.target(o.Number), call{}, command{verb: verbClose, session: c.session})
	}
	c.queue = append(c.queue, o)
	return w.proceed(c)
}

// proceed starts the next operation of an idle client.
func (w *world) proceed(c *client) error {
	if c.doing != nil || len(c.queue) == 0 {
		return nil
	}
	o := c.queue[0]
	c.queue = c.queue[1:]
	c.doing = &undertaking{
		Operation: o, began: w.now, wait: askTime,
		known: w.checker.Committed(), least: w.history.lengths[o.Key],
	}
	return w.ask(c)
}

// ask makes the next attempt and plans the one after it.
func (w *world) ask(c *client) error {
	u := c.doing
	if w.now-u.began > patience && !w.quiet {
		return w.finish(c)
	}
	c.turn++
	n := w.target(u.Number)
	if n == nil || !n.running() {
		w.askAgain(c, w.chance.between("backoff", c.number, 0, backoffMax))
		return nil
	}
	w.askAgain(c, u.wait)
	u.wait = min(2*u.wait, askTimeMax)
	waits := call{client: c, turn: c.turn}
	if u.Kind == Read {
		return w.read(n, waits)
	}
	if c.session == 0 {
		return w.propose(n, waits, command{verb: verbOpen})
	}
	if u.session == 0 {
		c.sequence++
		u.session, u.sequence = c.session, c.sequence
	}
	u.sent++
	return w.propose(n, waits, command{verb: verbAppend, session: u.session, sequence: u.sequence, key: u.Key})
}

// askAgain plans another attempt, unless the present one is answered before.
func (w *world) askAgain(c *client, delay time.Duration) {
	turn := c.turn
	w.agenda.plan(w.now+delay, func() error {
		if c.turn != turn || c.doing == nil {
			return nil
		}
		return w.ask(c)
	})
}

// finish ends what a client does, with or without an answer.
func (w *world) finish(c *client) error {
	u := c.doing
	c.doing = nil
	c.turn++
	if u.session != 0 && u.session == c.session && w.now-u.began > patience {
		c.session = 0 // it has lost faith in this session, too
	}
	// Why not at once: the node that answers is in the middle of something.
	w.agenda.plan(w.now, func() error { return w.proceed(c) })
	return nil
}

// aLeader returns one of the nodes that believe they lead; nil when none does.
func (w *world) aLeader(choice uint64) *node {
	count := uint64(0)
	for _, n := range w.nodes {
		if n.leads() {
			count++
		}
	}
	if count == 0 {
		return nil
	}
	choice %= count
	for _, n := range w.nodes {
		if n.leads() {
			if choice == 0 {
				return n
			}
			choice--
		}
	}
	return nil
}

// leads reports whether the node believes that it leads.
func (n *node) leads() bool {
	if n.Core == nil {
		return false
	}
	_, leads := n.Core.Leads()
	return leads
}

// target returns the node to ask: mostly one that believes it leads, which may be
// the old one.
func (w *world) target(operation uint64) *node {
	if w.chance.hits("to leader", operation, 800) {
		if leader := w.aLeader(w.chance.next("which leader", operation)); leader != nil {
			return leader
		}
	}
	return w.nodes[w.chance.below("target", operation, uint64(len(w.nodes)))]
}

// propose makes one attempt at a node; none when it does not run.
func (w *world) propose(n *node, c call, cmd command) error {
	if n == nil || !n.running() {
		return nil
	}
	w.history.last++
	cmd.attempt = w.history.last
	c.node, c.known = n, w.checker.Committed()
	w.history.calls[cmd.attempt] = c
	n.Core.Tick(n.clock())
	n.Core.Propose(raft.Proposal{ID: raft.ProposalID(cmd.attempt), Type: raft.EntryCommand, Data: cmd.encode()})
	return n.settle()
}

// read makes one attempt of a linearizable read at a node, by a lease or not.
func (w *world) read(n *node, c call) error {
	w.history.last++
	id := w.history.last
	c.read, c.node, c.known, c.mode = true, n, w.checker.Committed(), w.readMode(c.client.number)
	w.history.calls[id] = c
	n.Core.Tick(n.clock())
	n.Core.Read(raft.ReadRequest{ID: raft.ReadID(id), Mode: c.mode})
	if w.chance.hits("cancel", c.client.number, 30) {
		n.Core.CancelRead(raft.ReadID(id))
	}
	return n.settle()
}
