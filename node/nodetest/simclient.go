package nodetest

import (
	"encoding/binary"
	"strconv"
	"time"

	"github.com/wraft/wraft/node"
	"github.com/wraft/wraft/raft"
)

// simClient is a closed-loop client with an exactly-once session, and maybe idempotency
// keys: it repeats a sequence, or a key, at whatever node answers until it has the answer, and reads in between.
type simClient struct {
	sim     *Sim
	id      int
	session node.SessionID
	next    uint64 // sequence of the current operation, 0 while opening the session
	began   time.Duration
	attempt uint64 // counts tries; late answers to earlier ones are void
	try     *operation
	done    bool
}

// operation is one try of a command: the ticket the steps carry.
type operation struct {
	client  *simClient
	attempt uint64
	at      raft.NodeID
	setup   bool // bootstrap or deploy
}

// readOperation is one read.
type readOperation struct {
	client *simClient
	at     raft.NodeID
	began  time.Duration
}

const (
	clientTimeout = 700 * time.Millisecond
	clientPause   = 20 * time.Millisecond
	readEvery     = 3 // operations per read
)

// startClients lets client 0 deploy the machine; the others begin once they see it.
func (s *Sim) startClients() {
	for i := range s.cfg.Clients {
		c := &simClient{sim: s, id: i}
		s.clients = append(s.clients, c)
		s.events.after(time.Duration(i+1)*10*time.Millisecond, c.proceed)
	}
}

// proceed sends the current operation to a node of the client's choice.
func (c *simClient) proceed() {
	if c.done {
		return
	}
	c.attempt++
	at := raft.NodeID(1 + c.sim.chance.at("choose", uint64(c.id), c.attempt).IntN(c.sim.cfg.Nodes))
	op := &operation{client: c, attempt: c.attempt, at: at}
	c.try = op
	attempt := c.attempt
	c.sim.events.after(clientTimeout, func() {
		if c.attempt == attempt && !c.done {
			c.proceed()
		}
	})
	n := c.sim.nodes[at]
	if n == nil {
		return // the timeout goes on
	}
	if m, ok := n.catalogue.Machine("ledger"); ok {
		c.sim.group = m.Group
	}
	group, command, ok := c.command(n, op)
	if !ok || !n.shard.Propose(group, op, command) {
		op.again()
		return
	}
	n.pump()
}

// command is what the client sends now, given what the node knows.
func (c *simClient) command(n *simNode, op *operation) (raft.GroupID, node.Command, bool) {
	if c.sim.group == 0 {
		op.setup = true
		return node.MetaGroup, node.Command{Kind: node.CommandCall, Data: c.setup(n)}, c.id == 0
	}
	if c.session == 0 {
		return c.sim.group, node.Command{Kind: c.sessionKind()}, true
	}
	data := binary.BigEndian.AppendUint64(nil, c.name())
	if c.keyed() {
		return c.sim.group, node.KeyedCommand("operation "+decimal(c.name()), data), true
	}
	return c.sim.group, node.Command{Kind: node.CommandCall, Session: c.session, Sequence: c.next, AckBelow: c.next, Data: data}, true
}

// sessionKind: some machines have sessions that end by log time.
func (c *simClient) sessionKind() node.CommandKind {
	if c.sim.cfg.Seed%2 == 0 {
		return node.CommandTimedSession
	}
	return node.CommandOpenSession
}

// keyed reports whether the client repeats its current command under a key and not in its
// session.
func (c *simClient) keyed() bool { return c.sim.cfg.Keys && (uint64(c.id)+c.next)%2 == 0 }

// setup is the next command of the meta group on the way to a deployed machine.
func (c *simClient) setup(n *simNode) []byte {
	var data []byte
	var err error
	if n.catalogue.Cluster == "" {
		var nodes []node.NodeRecord
		for _, id := range c.sim.ids() {
			nodes = append(nodes, node.NodeRecord{ID: id, Incarnation: 1})
		}
		data, err = node.BootstrapCommand("sim", nodes)
	} else {
		if !n.obtainable(firstModule) { // it was removed since it was uploaded
			n.upload(firstModule)
		}
		data, err = node.DeployCommand("ledger", runOf(firstModule), c.sim.cfg.Snapshot)
	}
	if err != nil {
		c.sim.violate("setup command: %v", err)
	}
	return data
}

// name is unique in the run and never 0.
func (c *simClient) name() uint64 { return uint64(c.id+1)<<32 | c.next }

// failed is a try's end without an answer.
func (o *operation) failed(outcome raft.Outcome, _ error) {
	if o.client.attempt == o.attempt {
		o.again()
	}
}

// again tries a little later, unless a newer try is under way.
func (o *operation) again() {
	c, attempt := o.client, o.attempt
	c.sim.events.after(clientPause, func() {
		if c.attempt == attempt && !c.done {
			c.proceed()
		}
	})
}

// answered is the end of a try with an answer, perhaps of one given up long ago.
func (o *operation) answered(a node.Applied) {
	c := o.client
	if c.attempt != o.attempt || c.done {
		return
	}
	switch {
	case o.setup:
		o.again() // and see whether the machine is there
	case c.session == 0:
		c.session, c.next, c.began = node.SessionID(binary.BigEndian.Uint64(a.Answer.Data)), 1, c.sim.now()
		c.proceed()
	case a.Answer.Status != 0:
		c.sim.violate("client %d, sequence %d: status %d", c.id, c.next, a.Answer.Status)
	default:
		c.finish(a)
	}
}

func (c *simClient) finish(a node.Applied) {
	c.sim.history = append(c.sim.history, record{
		op: c.name(), began: c.began, end: c.sim.now(), index: a.Answer.Index, position: binary.BigEndian.Uint64(a.Answer.Data),
	})
	c.sim.mark(uint64(a.Answer.Index)<<20 ^ c.name())
	c.attempt++ // void every try of this operation
	if c.next%readEvery == 0 {
		c.read()
	}
	if c.next == uint64(c.sim.cfg.Operations) {
		c.done = true
		return
	}
	pause := between(c.sim.chance.at("think", uint64(c.id), c.next), time.Millisecond, 2*faultsEnd/time.Duration(c.sim.cfg.Operations))
	if c.sim.cfg.Crashes+c.sim.cfg.Partitions == 0 {
		pause = time.Millisecond
	}
	c.next++
	c.sim.events.after(pause, func() {
		c.began = c.sim.now()
		c.proceed()
	})
}

// read asks some node for the count; an unanswered read proves nothing and is dropped.
func (c *simClient) read() {
	at := raft.NodeID(1 + c.sim.chance.at("read", uint64(c.id), c.next).IntN(c.sim.cfg.Nodes))
	n := c.sim.nodes[at]
	if n == nil {
		return
	}
	how := c.sim.readRequest(c)
	// Why a bounded read began that much earlier: what was acknowledged since then is not
	// promised.
	if n.shard.ReadAs(c.sim.group, &readOperation{client: c, at: at, began: c.sim.now() - how.MaxStaleness}, how) {
		n.pump()
	}
}

// readRequest is how a client's next read is to be answered.
func (s *Sim) readRequest(c *simClient) raft.ReadRequest {
	r := s.chance.at("read mode", uint64(c.id), c.next)
	switch {
	case s.cfg.LeaseReads && r.IntN(2) == 0:
		return raft.ReadRequest{Mode: raft.ReadLease}
	case r.IntN(4) == 0:
		return raft.ReadRequest{Mode: raft.ReadBounded, MaxStaleness: between(r, time.Millisecond, 3*time.Second)}
	}
	return raft.ReadRequest{}
}

func (o *readOperation) failed() {}

func (o *readOperation) answered(data []byte) {
	s := o.client.sim
	s.reads = append(s.reads, readRecord{began: o.began, end: s.now(), count: binary.BigEndian.Uint64(data)})
}

// nodeDown ends the tries at a node that lost its power.
func (c *simClient) nodeDown(id raft.NodeID) {
	if c.try != nil && c.try.at == id && c.try.attempt == c.attempt {
		c.try.again()
	}
}

func decimal(x uint64) string { return strconv.FormatUint(x, 10) }
