package raft

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/wraft/wraft/raft/mutant"
	"github.com/wraft/wraft/raft/quorum"
	"github.com/wraft/wraft/raft/tracker"
)

// Core is one replica of a group as a pure state machine: see the package
// comment. One goroutine at a time may use it.
type Core struct {
	cfg Config
	rng *rand.Rand
	now time.Duration

	// What the replica must not forget, as it is in memory: w knows how much of
	// it is on disk.
	term Term
	vote NodeID
	log  replicaLog
	w    writes

	// configs are the snapshot's configuration and those of later entries,
	// ascending; the last one is in force and voters are its majorities.
	configs []ConfigAt
	voters  quorum.Joint

	snapshot   SnapshotMeta // the newest one published
	incoming   incoming     // the one that is being received
	installing installing   // the one whose write is on its way

	receivers map[NodeID]receiver // peers that are being brought one

	commit   Index
	handed   Index // given out for apply
	applied  Index // reported by Applied
	applying fifo[appliedRange]
	applyOut uint64 // bytes of applying

	role       Role
	leader     NodeID // 0: not known
	termLeader NodeID // who led the current term, even if it is not heard any more
	announced  RoleChanged

	// A follower's view of the term's leader: its log and ours agree up to
	// verified, and it said that everything up to leaderCommit is committed.
	verified     Index
	leaderCommit Index
	heard        time.Duration // when the leader was last heard
	ack          owedAck

	refuseUntil   time.Duration // no votes before, after a restart
	electionAt    time.Duration // campaign, unless a leader is heard
	resendAt      time.Duration // repeat unanswered vote requests
	commitFlushAt time.Duration // write a commit index that nothing took along; 0: none

	// What is known of the ways to the peers, and what election timeouts make of it.
	paths          map[NodeID]PathStats
	electionRTT    time.Duration // to a quorum; 0: not known
	electionSpread time.Duration

	votes    map[NodeID]quorum.Vote // of the current campaign
	onBehalf bool                   // it is the old leader's wish
	yielded  bool                   // it made room for another one since a leader was heard

	isolation isolation

	promisedUntil time.Duration   // no votes before, for the sake of a lease
	lives         map[NodeID]life // of peers' processes, as far as the driver told
	hint          hint            // what campaigns say about the last leader
	madeWay       hint            // the last one for whose sake another was let have the campaign

	// A leader's state.
	followers   []*tracker.Progress // ascending
	limits      tracker.Limits
	noop        Index // the first entry of the term; nothing is read before it commits
	heartbeatAt time.Duration
	beatWanted  bool // speak to every follower with the next Drain
	proposals   fifo[pendingProposal]
	uncommitted uint64 // bytes of proposals
	outgoing    map[NodeID]*outgoing
	change      pendingChange
	configOpen  bool // the configuration in force was not seen committed by this leader
	transfer    transfer

	rounds    rounds
	leaseOver bool // TimeoutNow was sent in this term
	reads     reads

	disk   disk
	damage damage
	room   room
	failed error // the disk failed; nothing is done any more
	fx     Effects
	dirty  bool // Drain has something to look at
}

// TermJumpMax is by how much a message may raise the term before that is told as
// TermJumped. Why so much: a node that campaigns once in a second and that nobody
// answers would take twelve days, and pre-votes keep its term where it is. The term
// is taken over all the same, because a quorum may be in it.
const TermJumpMax = Term(1) << 20

const (
	// termMax and indexMax bound what a message may claim: beyond them sums could
	// overflow, and no log gets there.
	termMax  = Term(1) << 62
	indexMax = Index(1) << 62
	// never is a deadline that does not come.
	never = time.Duration(math.MaxInt64)
)

// Tick moves time to now and does what is due. Time that goes backwards is
// ignored.
func (c *Core) Tick(now time.Duration) {
	c.now = max(c.now, now)
	if c.failed != nil {
		return
	}
	c.tickDisk()
	c.tickCommit()
	if c.role == Leader {
		c.tickLeader()
		return
	}
	switch {
	case c.now >= c.electionAt && c.role == Candidate && c.w.stateIn > c.w.persisted && !c.disk.slow:
		c.retryElection() // nobody was asked yet: the own vote is still on its way to the disk
	case c.now >= c.electionAt:
		c.campaign(c.electionCause())
	case c.role != Follower && c.now >= c.resendAt:
		c.weighAnswers()
		c.requestVotes()
	}
}

// NextDeadline returns when Tick matters next; far in the future when only a
// message can change anything. A driver may tick earlier and later, too.
func (c *Core) NextDeadline() time.Duration {
	if c.failed != nil {
		return never
	}
	at := never
	switch {
	case c.role == Leader:
		at = c.heartbeatAt
	case c.role != Follower:
		at = min(c.resendAt, c.electionAt)
	case c.eligible():
		at = c.electionAt
	}
	if !c.disk.slow {
		at = min(at, c.stallAt())
	}
	if c.commitFlushAt != 0 {
		at = min(at, c.commitFlushAt)
	}
	return at
}

// Receive takes in a message of a peer, whose identity the caller vouches for.
// ErrBadMessage: no correct peer sends that, and nothing was changed.
// ErrDiskFailed: the replica is out of service.
func (c *Core) Receive(from NodeID, m Message) error {
	if c.failed != nil {
		return ErrDiskFailed
	}
	if err := c.check(from, m); err != nil {
		return fmt.Errorf("%w: %T from %v: %w", ErrBadMessage, m, from, err)
	}
	switch m := m.(type) {
	case Vote:
		c.onVote(from, m)
		return nil
	case PreVote:
		c.onPreVote(from, m)
		return nil
	case PreVoteReply:
		c.onPreVoteReply(from, m)
		return nil
	}
	switch term := m.MessageTerm(); {
	case term < c.term:
		if _, late := m.(AppendReply); late && mutant.On(mutant.LateAckCounts) {
			break
		}
		c.onStale(from, m)
		return nil
	case term > c.term:
		c.learnTerm(from, term)
	}
	c.dispatch(from, m)
	return nil
}

// dispatch handles a message of the current term.
func (c *Core) dispatch(from NodeID, m Message) {
	switch m := m.(type) {
	case Append:
		c.onAppend(from, m)
	case Heartbeat:
		c.onHeartbeat(from, m)
	case TimeoutNow:
		c.onTimeoutNow(from)
	case AppendReply:
		c.onAppendReply(from, m)
	case HeartbeatReply:
		c.onHeartbeatReply(from, m)
	case InstallSnapshot:
		c.onInstallSnapshot(from, m)
	case InstallSnapshotReply:
		c.onInstallSnapshotReply(from, m)
	case VoteReply:
		c.onVoteReply(from, m)
	case ReadIndex:
		c.onReadIndex(from, m)
	case ReadIndexReply:
		c.onReadIndexReply(from, m)
	}
}

// onStale answers what a sender of an older term has to know: that there is a
// newer one. Late replies need no answer.
func (c *Core) onStale(from NodeID, m Message) {
	switch m := m.(type) {
	case Append:
		c.send(from, AppendReply{
			Term: c.term, Rejected: true, PrevIndex: m.PrevIndex,
			HintIndex: c.log.last, HintTerm: c.log.lastTerm(),
		})
	case Heartbeat:
		c.send(from, HeartbeatReply{Term: c.term})
	case InstallSnapshot:
		c.send(from, InstallSnapshotReply{Term: c.term})
	case ReadIndex:
		c.send(from, ReadIndexReply{Term: c.term, ID: m.ID, Refused: true})
	}
}

// Drain drops the old content of e and moves everything accumulated into it.
// The driver owns e's slices until it drains into e again.
func (c *Core) Drain(e *Effects) {
	if c.dirty && c.failed == nil {
		if c.role == Leader {
			c.replicate()
		} else {
			c.ask()
		}
		c.heal()
		c.drainWrite()
		c.drainAck()
		c.releaseGated()
	}
	if c.dirty {
		c.drainApply()
	}
	c.dirty = false
	e.Reset()
	*e, c.fx = c.fx, *e
}

// releaseGated moves messages whose write became durable before the Drain.
func (c *Core) releaseGated() {
	kept := c.fx.SendAfter[:0]
	for _, g := range c.fx.SendAfter {
		if g.After <= c.w.persisted || mutant.On(mutant.GatedOneEarly) && g.After == c.w.persisted+1 {
			c.fx.SendNow = append(c.fx.SendNow, g.Envelope)
		} else {
			kept = append(kept, g)
		}
	}
	clear(c.fx.SendAfter[len(kept):])
	c.fx.SendAfter = kept
}

// Pending reports whether Drain may yield something; false means that it
// certainly yields nothing.
func (c *Core) Pending() bool { return c.dirty || !c.fx.Empty() }
