package node

import (
	"fmt"
	"slices"
	"time"

	"github.com/wraft/wraft/raft"
)

// Birth finds out in which life a node is whose store is empty. Its earlier life may have
// voted and acknowledged what nobody remembers now; so it may begin its first life only
// when nobody can have counted on an earlier one, and otherwise claims the next, which
// groups take in as a learner. It is a step machine; Next says what to do, the other
// methods say what came of it.
//
// A first life is safe when every other initial node, asked since this process began,
// says that it has never been part of the cluster either: it is unborn, or settled in its
// own first life and in term 0. Then nobody has asked for votes yet, or has led, so that
// an earlier life of this node can have promised nothing that counts.
//
// Why a node that is settled waits until the others are: whoever crashes before its disk
// says that it was born would otherwise find the others voting already, and take itself
// for one that lost its disk. So the first start of a cluster takes all its nodes; from
// then on a majority is enough.
//
// Of nodes that lost their disks at the same time a majority cannot come back: the
// others are no quorum that could obey their claims, and they know that the cluster was
// there, so nobody begins it anew.
type Birth struct {
	self    raft.NodeID
	founder bool // one of the initial nodes
	past    bool // it is known to have had a life before this one
	others  []raft.NodeID
	met     []raft.NodeID // who may obey a claim besides; they have no say in a first life
	nonce   uint64

	stage   BirthStage
	life    raft.Incarnation
	answers map[raft.NodeID]BirthAnswer
	turn    int // which of those that may obey a claim is asked next
	busy    bool
	askAt   time.Duration
	claimAt time.Duration
	now     time.Duration
	refused error // why the last claim was not obeyed
}

// BirthStage is how far a node is.
type BirthStage uint8

const (
	// StageUnborn: its store is empty.
	StageUnborn BirthStage = iota + 1
	// StageBereft: its store was set aside, so it had a life, and cannot have the first.
	StageBereft
	// StageSettled: its disk says in which life it is; it takes no part yet.
	StageSettled
	// StageBorn: it takes part.
	StageBorn
)

// String names the stage for logs and status.
func (s BirthStage) String() string {
	names := [...]string{"unknown", "unborn", "bereft", "settled", "born"}
	if int(s) < len(names) {
		return names[s]
	}
	return "invalid"
}

// BirthAnswer is what a node says when it is asked.
type BirthAnswer struct {
	_     struct{} `cbor:",toarray"`
	Stage BirthStage
	// Known says that the node which asks is in the catalogue, in its life Life, and not
	// removed.
	Known bool
	Life  raft.Incarnation
}

// BirthAction is one thing to do; exactly one field is set.
type BirthAction struct {
	Ask    []raft.NodeID // answer with Answered, for those who do answer
	Claim  *BirthClaim   // answer with Claimed
	Settle *raft.Incarnation
	Begin  *raft.Incarnation // take part in that life; nothing more follows
}

// BirthClaim asks a node to have the meta group obey a claim.
type BirthClaim struct {
	Peer  raft.NodeID
	From  raft.Incarnation
	Nonce uint64
}

const (
	// birthAskPause is how often the others are asked.
	birthAskPause = 200 * time.Millisecond
	// birthClaimPause is how long a node waits after a claim that was not obeyed.
	birthClaimPause = 500 * time.Millisecond
)

// BirthConfig describes the node that is to be born.
type BirthConfig struct {
	Self    raft.NodeID
	Others  []raft.NodeID    // the other initial nodes, all of them
	Founder bool             // Self is an initial node
	Past    bool             // its store was set aside: see StageBereft
	Settled raft.Incarnation // what its disk says; 0: nothing
	Nonce   uint64           // of this process
}

// NewBirth returns a birth at time now.
func NewBirth(c BirthConfig, now time.Duration) *Birth {
	b := &Birth{
		self: c.Self, founder: c.Founder, past: c.Past, others: c.Others, nonce: c.Nonce, life: c.Settled,
		stage: StageUnborn, answers: map[raft.NodeID]BirthAnswer{}, now: now, askAt: now,
	}
	switch {
	case c.Settled > 0:
		b.stage = StageSettled
	case c.Past:
		b.stage = StageBereft
	}
	return b
}

// Stage is how far the node is.
func (b *Birth) Stage() BirthStage { return b.stage }

// Refused is why the last claim was not obeyed, and nil when there is nothing to tell.
func (b *Birth) Refused() error { return b.refused }

// Tick moves time.
func (b *Birth) Tick(now time.Duration) { b.now = max(b.now, now) }

// NextDeadline is when Tick next matters.
func (b *Birth) NextDeadline() (at time.Duration, ok bool) {
	if b.stage == StageBorn || b.busy {
		return 0, false
	}
	return b.askAt, true
}

// Answered takes in what a node says of itself.
func (b *Birth) Answered(from raft.NodeID, a BirthAnswer) {
	if slices.Contains(b.asked(), from) {
		b.answers[from] = a
	}
}

// Meet has nodes asked too that are not among the initial ones: they may know the cluster as
// it is now.
func (b *Birth) Meet(ids []raft.NodeID) {
	for _, id := range ids {
		if id != b.self && !slices.Contains(b.asked(), id) && len(b.met) < NodesMax {
			b.met = append(b.met, id)
		}
	}
}

// asked are all who are asked.
func (b *Birth) asked() []raft.NodeID { return slices.Concat(b.others, b.met) }

// Claimed says what came of Claim.
func (b *Birth) Claimed(life raft.Incarnation, err error) {
	b.busy = false
	if b.refused = err; err != nil {
		b.claimAt = b.now + birthClaimPause
		clear(b.answers) // Why: another process of this node may have claimed meanwhile
		return
	}
	b.life = life
}

// Settled says that the disk knows the life.
func (b *Birth) Settled() {
	b.busy = false
	b.stage = StageSettled
}

// Next returns what to do now.
func (b *Birth) Next() []BirthAction {
	if b.busy || b.stage == StageBorn {
		return nil
	}
	switch life := b.life; {
	case b.stage == StageSettled && b.mayBegin():
		b.stage = StageBorn
		return []BirthAction{{Begin: &life}}
	case b.stage == StageSettled:
	case life > 0:
		b.busy = true
		return []BirthAction{{Settle: &life}}
	case b.founder && !b.past && b.all(StageUnborn, StageSettled):
		b.busy, b.life = true, 1
		first := b.life
		return []BirthAction{{Settle: &first}}
	default:
		if c := b.claim(); c != nil {
			b.busy = true
			return []BirthAction{{Claim: c}}
		}
	}
	if b.now < b.askAt {
		return nil
	}
	b.askAt = b.now + birthAskPause
	return []BirthAction{{Ask: b.asked()}}
}

// mayBegin: only a first life waits for others.
func (b *Birth) mayBegin() bool {
	return b.life > 1 || !b.founder || b.all(StageSettled, StageBorn) || b.any(StageBorn)
}

// all reports whether everybody else has answered with one of two stages.
func (b *Birth) all(one, other BirthStage) bool {
	return !slices.ContainsFunc(b.others, func(id raft.NodeID) bool {
		s := b.answers[id].Stage
		return s != one && s != other
	})
}

func (b *Birth) any(stage BirthStage) bool {
	return slices.ContainsFunc(b.others, func(id raft.NodeID) bool { return b.answers[id].Stage == stage })
}

// claim picks who is to have a claim obeyed, each in turn.
func (b *Birth) claim() *BirthClaim {
	if b.now < b.claimAt {
		return nil
	}
	asked := b.asked()
	for i := range asked {
		id := asked[(b.turn+i)%len(asked)]
		if a := b.answers[id]; a.Stage == StageBorn && a.Known {
			b.turn = (b.turn + i + 1) % len(asked)
			return &BirthClaim{Peer: id, From: a.Life, Nonce: b.nonce}
		}
	}
	return nil
}

// Explain says what a node that is not born waits for.
func (b *Birth) Explain() string {
	var silent, bereft []raft.NodeID
	for _, id := range b.asked() {
		switch a := b.answers[id]; {
		case a.Stage == StageBorn && !a.Known:
			return fmt.Sprintf("%v does not know this node as a member: add it first, or wait until %v knows the cluster", id, id)
		case a.Stage == StageBorn:
			return "its disk is empty, and the cluster knows it from before: a majority of the others has to take it back. " +
				"If a majority lost their disks, what they held is lost"
		case a.Stage == StageBereft:
			bereft = append(bereft, id)
		case a.Stage == 0 && slices.Contains(b.others, id):
			silent = append(silent, id)
		}
	}
	switch {
	case b.past:
		return fmt.Sprintf("its store was set aside; it waits for a majority of %v to take it back", b.others)
	case len(bereft) > 0:
		return fmt.Sprintf("the stores of %v were set aside, so this cluster was there before and is not begun anew", bereft)
	case !b.founder:
		return fmt.Sprintf("none of %v answers; they refuse who is not in the list of nodes: add it with wraftd nodes add, also if it was removed", b.others)
	}
	return fmt.Sprintf("the first start of a cluster takes all its nodes; there is no answer of %v. If the cluster is there, and they left it, "+
		"give this node join: true and a node of today's in its configuration, or put a new one in its place with wraftd nodes replace", silent)
}
