package sim

import (
	"errors"
	"slices"
	"time"
)

// kind is a row of the table of faults.
type kind struct {
	// name is the fault's name in docs/TESTING.md, in artefacts and in counts.
	name string
	// weight says how often it strikes among the kinds of a run's swarm.
	weight uint64
	// sure: it does harm to whatever it strikes, so that a run with it has a fault.
	sure bool
	// begin lets it strike and returns how it ends, nil when it ends by itself.
	// Parameters come from world.pick under the strike's number; world.bite says
	// that it did harm.
	begin func(w *world, number uint64) (end func() error)
}

// kinds is the table of faults: a new one is a new row.
var kinds = []kind{
	{"loss", 1, false, loss},
	{"duplication", 1, false, repetition},
	{"reordering", 1, false, lateness},
	{"partition", 1, false, partition},
	{"leader isolated", 1, false, isolation},
	{"one-way partition", 1, false, oneWay},
	{"bridge partition", 1, false, bridge},
	{"flapping link", 1, false, flapping},
	{"slow link", 1, false, slowLink},
	{"crash", 2, true, crash},
	{"crash before a sync", 1, false, crashBeforeSync},
	{"crash after a sync", 1, false, crashAfterSync},
	{"leader crash after sending", 1, false, crashAfterSend},
	{"all nodes at once", 1, true, massCrash},
	{"restart storm", 1, true, restartStorm},
	{"rotten log", 1, false, rot},
	{"slow disk", 1, false, slowDisk},
	{"stalled disk", 1, false, stallDisk},
	{"full disk", 1, false, fillDisks},
	{"EIO on sync", 1, false, failDisk},
	{"pause", 1, false, pause},
	{"clock jump", 1, false, clockJump},
	{"membership change", 2, false, churn},
	{"transfer", 1, false, handOver},
	{"false word of an end", 1, false, rumour},
	{"isolated amid a transfer", 1, false, isolateAmidTransfer},
	{"slow links amid a transfer", 1, false, slowAmidTransfer},
	{"cut behind slow links", 1, false, cutBehindSlowLinks},
	{"restart of who promised", 1, false, restartPromisers},
	{"work behind promises", 1, false, workBehindPromises},
	{"isolated amid a change", 1, false, isolateAmidChange},
	{"snapshot over a tail", 1, false, snapshotOverTail},
	{"isolated with a slow disk", 1, false, isolateWriting},
	{"crash amid a change", 1, false, crashAmidChange},
	{"change at an election", 1, false, changeAtElection},
}

// kindOf returns the row of a name.
func kindOf(name string) (kind, bool) {
	i := slices.IndexFunc(kinds, func(k kind) bool { return k.name == name })
	if i < 0 {
		return kind{}, false
	}
	return kinds[i], true
}

// strike is a fault under way or over.
type strike struct {
	*Fault
	asked map[string]int // how many parameters of a name were taken
}

// faultPlan plays the strikes of a scenario.
type faultPlan struct {
	w       *world
	strikes map[uint64]*strike
	over    bool
}

// drawKinds picks the swarm: two of five kinds or so, one that is sure to do harm
// among them.
func (w *world) drawKinds() []string {
	var names []string
	sure := false
	for _, k := range kinds {
		// Why by name: a new row must not change what others draw.
		if w.chance.hits("swarm "+k.name, 0, 400) {
			names = append(names, k.name)
			sure = sure || k.sure
		}
	}
	if !sure {
		names = append(names, "crash")
	}
	return names
}

// drawFaults draws when which kind strikes, and for how long. One strike at least is
// sure to do harm.
func (w *world) drawFaults(duration time.Duration) []Fault {
	var lots []string
	for _, name := range w.setup.Kinds {
		k, _ := kindOf(name)
		for range k.weight {
			lots = append(lots, name)
		}
	}
	if len(lots) == 0 {
		return nil
	}
	var all []Fault
	every := time.Duration(w.setup.FaultEvery)
	at := time.Duration(0)
	for number := uint64(0); ; number++ {
		at += w.chance.between("fault wait", number, every/2, every*3/2)
		if at >= duration {
			return w.ensureHarm(all)
		}
		all = append(all, Fault{
			Number: number, At: Span(at),
			Name:  lots[w.chance.below("fault kind", number, uint64(len(lots)))],
			Until: Span(at + w.chance.between("fault time", number, 200*time.Millisecond, 15*time.Second)),
		})
	}
}

// ensureHarm makes the strike in the middle one that is sure, when there is none: a
// cluster of one voter shrugs many kinds off.
func (w *world) ensureHarm(all []Fault) []Fault {
	isSure := func(name string) bool { k, _ := kindOf(name); return k.sure }
	if len(all) == 0 || slices.ContainsFunc(all, func(f Fault) bool { return isSure(f.Name) }) {
		return all
	}
	if i := slices.IndexFunc(w.setup.Kinds, isSure); i >= 0 {
		all[len(all)/2].Name = w.setup.Kinds[i]
	}
	return all
}

// begin plans the strikes.
func (p *faultPlan) begin(w *world, faults []Fault) {
	p.w, p.strikes = w, map[uint64]*strike{}
	for i := range faults {
		f := &faults[i]
		k, _ := kindOf(f.Name)
		p.strikes[f.Number] = &strike{Fault: f, asked: map[string]int{}}
		w.agenda.plan(time.Duration(f.At), func() error {
			if p.over {
				return nil
			}
			w.tracef("fault %d: %s until %v", f.Number, f.Name, time.Duration(f.Until))
			if end := k.begin(w, f.Number); end != nil {
				w.agenda.plan(max(w.now, time.Duration(f.Until)), end)
			}
			return nil
		})
	}
}

// end stops all faults and starts every node that is down or failed.
func (p *faultPlan) end() error {
	p.over = true
	p.w.net.heal()
	var errs []error
	for _, n := range p.w.nodes {
		n.slowUntil, n.stalledUntil, n.pausedUntil, n.fullUntil, n.trap = 0, 0, 0, 0, trap{}
		if n.Core != nil && n.failing() {
			n.crash()
		}
		if n.Core == nil {
			errs = append(errs, n.start())
		}
		errs = append(errs, n.lookForRoom())
	}
	return errors.Join(errs...)
}

// pick returns a parameter of a strike, in [0, n): what its scenario says, or
// chance keyed by the strike's number, the name and how often it was asked.
func (w *world) pick(number uint64, what string, n uint64) uint64 {
	s := w.plan.strikes[number]
	i := s.asked[what]
	s.asked[what]++
	if drawn := s.Drawn[what]; i < len(drawn) {
		return drawn[i] % n
	}
	if s.Drawn == nil {
		s.Drawn = map[string][]uint64{}
	}
	v := w.chance.at(what, number, uint64(i)+1) % n
	s.Drawn[what] = append(s.Drawn[what], v)
	return v
}

// pickSpan is pick for a duration in [low, high).
func (w *world) pickSpan(number uint64, what string, low, high time.Duration) time.Duration {
	return low + time.Duration(w.pick(number, what, uint64(high-low)))
}

// bite notes that a strike did harm; the first time counts.
func (w *world) bite(number uint64) {
	if s := w.plan.strikes[number]; !s.Bit {
		s.Bit = true
		w.result.Bitten++
		w.fault(s.Name)
	}
}

// victim returns the node a strike is about. It may be one that is left out.
func (w *world) victim(number uint64) *node {
	return w.nodes[w.pick(number, "victim", uint64(len(w.nodes)))]
}

// running reports whether a node can take part in anything now.
func (n *node) running() bool { return n.Core != nil && n.w.now >= n.pausedUntil }

// all runs every one of ends.
func all(ends []func() error) func() error {
	return func() error {
		var errs []error
		for _, end := range ends {
			errs = append(errs, end())
		}
		return errors.Join(errs...)
	}
}
