package node

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/wraft/wraft/raft"
)

// Placing moves leadership to where the cluster's LeaderPolicy wants it. Every node has one;
// whoever leads a group looks once a second whether somebody in a better region could lead
// it as well, and hands over once that has been so for a while. It only ever asks for a
// transfer: who is elected, and what commits, is the core's alone. It is a step machine: Next
// says what to do, the other methods say what came of it, and what there is to see.
//
// Why it does not flap: a voter has to have been fit, and its link up, for steadyMin; each
// time that breaks off doubles it. Leadership that a voter had and lost while it was
// connected, because somebody wanted it so or it failed in a way that nobody sees, does not
// return to it for placingRest. And a leader tries again later each time.
type Placing struct {
	self      raft.NodeID
	now       time.Duration
	catalogue *Catalogue
	links     map[raft.NodeID]*placingLink // to the other nodes
	groups    map[raft.GroupID]*placingTask
	lookAt    time.Duration
	looking   bool
	moves     []Placement // not handed out yet
}

// placingLink is the link to another node.
type placingLink struct {
	steadiness
	before uint64 // links that stood before the newest
}

// placingTask is a group, as far as its leadership goes.
type placingTask struct {
	leader raft.NodeID                   // the last that was known
	since  time.Duration                 // since when it leads
	rests  map[raft.NodeID]time.Duration // until when leadership does not go back there
	// The rest is of a group that this node leads.
	fit    map[raft.NodeID]*steadiness // of the other voters
	commit raft.Index                  // as of the last look
	before raft.Index                  // as of the look before that
	flow   commandFlow
	pull   string        // the region that most commands come from
	pulls  time.Duration // since when
	tries  int           // transfers that were asked for
	later  time.Duration // nothing is asked for before
}

// PlacingView is what a node sees when it looks.
type PlacingView struct {
	Up    map[raft.NodeID]uint64 // to whom a link stands, and how many did before it
	Leads []LedGroup
}

// LedGroup is a group that this node leads.
type LedGroup struct {
	Group  raft.GroupID
	Commit raft.Index
	// Unsettled: its configuration is changing, or a snapshot is on its way to a member.
	Unsettled bool
	Heirs     []Heir
	// Commands are those that came since the look before, by the node that took them from
	// a client.
	Commands map[raft.NodeID]uint64
}

// Heir is another voter of a group.
type Heir struct {
	Node  raft.NodeID
	Fit   bool // it answers, replicates and its disk works
	Match raft.Index
}

// Placement asks for a transfer. If the heir does not want it, Refused says so; otherwise
// what is seen later tells what came of it.
type Placement struct {
	Group  raft.GroupID
	To     raft.NodeID
	Reason TransferReason
	// Applied is what the heir's machine has to have applied: what was committed at the look before.
	Applied raft.Index
}

const (
	// placingEvery is how often a node looks.
	placingEvery = time.Second
	// placingsMax bounds the groups that are handed over at a look: commands wait meanwhile.
	placingsMax = 4
	// placingRest is how long leadership stays away from where it was taken from.
	placingRest = 10 * time.Minute
	// placingPause is how long a leader waits before it tries again; twice as long each time,
	// up to placingTriesMax times.
	placingPause    = time.Minute
	placingTriesMax = 5
	// placingRefused is how long it waits after an heir said no.
	placingRefused = 15 * time.Second
	// pullMin is how long commands have to come from a region mostly, and pullLedMin how long
	// a leader leads, before it goes after them.
	pullMin    = time.Minute
	pullLedMin = 5 * time.Minute
)

// NewPlacing returns the placing of the node self at time now.
func NewPlacing(self raft.NodeID, now time.Duration) *Placing {
	return &Placing{self: self, now: now, lookAt: now, catalogue: &Catalogue{}, links: map[raft.NodeID]*placingLink{}, groups: map[raft.GroupID]*placingTask{}}
}

// Observe takes in a newer catalogue.
func (p *Placing) Observe(c *Catalogue) {
	was := p.policy().active()
	p.catalogue = c
	maps.DeleteFunc(p.groups, func(g raft.GroupID, _ *placingTask) bool { return c.Deleted(g) })
	switch {
	case !p.policy().active():
		p.links = map[raft.NodeID]*placingLink{} // Why: what nobody looks at is not known
		for _, t := range p.groups {
			t.begin(t.leader, t.since)
		}
	case !was:
		p.lookAt = p.now
	}
}

func (p *Placing) policy() LeaderPolicy { return p.catalogue.LeaderPolicy() }

// Lead takes a replica's new status.
func (p *Placing) Lead(g raft.GroupID, status raft.Status) {
	t := p.groups[g]
	if t == nil {
		t = &placingTask{}
		t.begin(0, p.now)
		p.groups[g] = t
	}
	if status.Leader == 0 || status.Leader == t.leader {
		return
	}
	if link := p.links[t.leader]; link != nil && link.holds {
		t.rests[t.leader] = p.now + placingRest
	}
	t.begin(status.Leader, p.now)
}

// begin forgets what was known under an earlier leader, but for who rests.
func (t *placingTask) begin(leader raft.NodeID, since time.Duration) {
	rests := t.rests
	if rests == nil {
		rests = map[raft.NodeID]time.Duration{}
	}
	*t = placingTask{leader: leader, since: since, rests: rests, fit: map[raft.NodeID]*steadiness{}}
}

// Tick moves time.
func (p *Placing) Tick(now time.Duration) { p.now = max(p.now, now) }

// NextDeadline is when Tick next matters.
func (p *Placing) NextDeadline() (at time.Duration, ok bool) {
	return p.lookAt, p.policy().active() && !p.looking
}

// Next returns whether to look, which Looked answers, and which leaderships to hand over.
func (p *Placing) Next() (look bool, moves []Placement) {
	moves, p.moves = p.moves, nil
	if p.looking || p.now < p.lookAt || !p.policy().active() {
		return false, moves
	}
	p.looking = true
	return true, moves
}

// Looked takes in what there is to see.
func (p *Placing) Looked(v PlacingView) {
	p.looking, p.lookAt = false, p.now+placingEvery
	if !p.policy().active() {
		return
	}
	p.seeLinks(v.Up)
	for _, led := range v.Leads {
		t := p.groups[led.Group]
		if t == nil || t.leader != p.self {
			continue // it has only begun to lead, or just ended
		}
		p.seeGroup(t, led)
		if len(p.moves) >= placingsMax || led.Unsettled || p.now < t.later {
			continue
		}
		if move, ok := p.wish(led.Group, t); ok {
			t.tries = min(t.tries+1, placingTriesMax)
			t.later = p.now + placingPause<<(t.tries-1)
			move.Applied = t.before
			p.moves = append(p.moves, move)
		}
	}
}

// Refused says that nothing was begun of a Placement.
func (p *Placing) Refused(g raft.GroupID) {
	if t := p.groups[g]; t != nil && t.tries > 0 {
		t.tries--
		t.later = p.now + placingRefused
	}
}

// seeLinks notes which links stand. Why a broken one ends a rest: whatever somebody wanted
// of that process is over, and steadiness remembers the rest.
func (p *Placing) seeLinks(up map[raft.NodeID]uint64) {
	for id, before := range up {
		if p.links[id] == nil {
			p.links[id] = &placingLink{before: before}
		}
	}
	for id, link := range p.links {
		before, there := up[id]
		if link.holds && (!there || before != link.before) {
			for _, t := range p.groups {
				delete(t.rests, id)
			}
			link.see(false, p.now)
		}
		link.see(there, p.now)
		if there {
			link.before = before
		}
	}
}

// seeGroup notes how a group's voters do, and where its commands come from.
func (p *Placing) seeGroup(t *placingTask, led LedGroup) {
	// Why against the look before: who has all that was committed a second ago is about to
	// have the rest, however fast commands come and however long the way is.
	t.before, t.commit = cmp.Or(t.commit, led.Commit), led.Commit
	for _, h := range led.Heirs {
		if t.fit[h.Node] == nil {
			t.fit[h.Node] = &steadiness{}
		}
		t.fit[h.Node].see(h.Fit && h.Match >= t.before, p.now)
	}
	maps.DeleteFunc(t.fit, func(id raft.NodeID, _ *steadiness) bool {
		return !slices.ContainsFunc(led.Heirs, func(h Heir) bool { return h.Node == id })
	})
	for id, n := range led.Commands {
		t.flow.add(p.now, p.regionOf(id), n)
	}
	if pull := t.flow.dominant(p.now); pull != t.pull {
		t.pull, t.pulls = pull, p.now
	}
}

func (p *Placing) regionOf(id raft.NodeID) string {
	r, _ := p.catalogue.Node(id)
	return r.Region
}

// wish is where a group's leadership should go, if anywhere.
func (p *Placing) wish(g raft.GroupID, t *placingTask) (Placement, bool) {
	policy, home := p.policy(), p.regionOf(p.self)
	own := slices.Index(policy.Regions, home)
	for rank, region := range policy.Regions {
		if rank == own || own >= 0 && policy.Follow { // Why the latter: then commands choose among the preferred
			break
		}
		if to, ok := p.heirIn(g, t, region); ok {
			return Placement{Group: g, To: to, Reason: TransferPreferred}, true
		}
	}
	switch {
	case !policy.Follow || g == MetaGroup || t.pull == "" || t.pull == home:
	case len(policy.Regions) > 0 && !slices.Contains(policy.Regions, t.pull):
	case p.now-t.pulls < pullMin || p.now-t.since < pullLedMin:
	default:
		to, ok := p.heirIn(g, t, t.pull)
		return Placement{Group: g, To: to, Reason: TransferCommands}, ok
	}
	return Placement{}, false
}

// heirIn is who in a region should lead a group, if anybody there can. Groups spread over
// those who can.
func (p *Placing) heirIn(g raft.GroupID, t *placingTask, region string) (raft.NodeID, bool) {
	var heirs []raft.NodeID
	for id, fit := range t.fit {
		r, _ := p.catalogue.Node(id)
		if r.Region == region && r.State == NodeVoter && fit.proven(p.now) && p.linked(id) && p.now >= t.rests[id] {
			heirs = append(heirs, id)
		}
	}
	if len(heirs) == 0 {
		return 0, false
	}
	slices.Sort(heirs)
	return heirs[uint64(g)%uint64(len(heirs))], true
}

// linked reports whether the link to a node is to be trusted.
func (p *Placing) linked(id raft.NodeID) bool {
	link := p.links[id]
	return link != nil && link.proven(p.now)
}
