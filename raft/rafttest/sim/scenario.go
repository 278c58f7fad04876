package sim

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/wraft/wraft/raft"
)

// Scenario is everything that makes a run besides keyed chance: the configuration
// that was drawn, the faults that strike and the operations that clients begin. A
// run is a function of its scenario, so a scenario in a file is the run.
type Scenario struct {
	Seed uint64 `json:"seed"`
	// Duration is how long faults and clients last in virtual time. The liveness
	// phase comes on top.
	Duration Span  `json:"duration"`
	Setup    Setup `json:"setup"`
	// Shrunk: something was left out, so the run need not do a minimum of work.
	Shrunk     bool        `json:"shrunk,omitempty"`
	Faults     []Fault     `json:"faults"`
	Operations []Operation `json:"operations"`
}

// Setup is the configuration of a run.
type Setup struct {
	Voters int `json:"voters"`
	Spares int `json:"spares"` // nodes that stand by and are no members at first
	// Absent nodes never start and are no members; shrinking leaves nodes out.
	Absent []raft.NodeID `json:"absent,omitempty"`
	Calm   bool          `json:"calm"`  // a run without faults
	Skew   bool          `json:"skew"`  // clocks run at different speeds and jump
	Rates  []uint64      `json:"rates"` // of each node's clock, per mille
	// Priorities are the nodes' in elections; none: all are alike.
	Priorities []int `json:"priorities,omitempty"`
	Sync       Span  `json:"sync"`  // what a healthy disk takes, give or take a half
	Delay      Span  `json:"delay"` // of a link, give or take a half
	// Unordered links let messages overtake each other at any time, and not only when
	// reordering strikes.
	Unordered bool `json:"unordered,omitempty"`
	// Measured: nodes are told what their paths are like, and DeliveryRate of each.
	Measured     bool   `json:"measured,omitempty"`
	DeliveryRate uint64 `json:"delivery_rate,omitempty"`
	// Kinds are the swarm: the names of the faults this run may have, FaultEvery is
	// how often one strikes.
	Kinds      []string    `json:"kinds"`
	FaultEvery Span        `json:"fault_every"`
	Clients    int         `json:"clients"`
	Sessions   int         `json:"sessions"` // that the machine remembers
	Snapshots  Snapshots   `json:"snapshots"`
	Core       raft.Config `json:"core"` // of every node but for ID and Seed
}

// Fault is one strike: a kind, named as in the table of kinds, from a moment to
// another. Number keys its chance.
type Fault struct {
	Number uint64 `json:"number"`
	Name   string `json:"name"`
	At     Span   `json:"at"`
	Until  Span   `json:"until"`
	// Drawn are its parameters, in the order they were asked for: filled in by the
	// first run and taken from here by later ones.
	Drawn map[string][]uint64 `json:"drawn,omitempty"`
	// Bit says that the strike did harm in the run that was recorded.
	Bit bool `json:"bit"`
}

// Operation is something a client begins at a moment.
type Operation struct {
	Number uint64        `json:"n"`
	At     Span          `json:"at"`
	Client int           `json:"c"`
	Kind   OperationKind `json:"k"`
	Key    uint64        `json:"key,omitempty"`
}

// OperationKind says what an operation does.
type OperationKind string

// The kinds of operations.
const (
	Append  OperationKind = "append"  // a value to a list; answers the list's new length
	Read    OperationKind = "read"    // a list's length, linearizable
	Bounded OperationKind = "bounded" // an index of bounded staleness at some node
	Local   OperationKind = "local"   // the index some node has applied
	Expire  OperationKind = "expire"  // ends the client's own session behind its back
)

// Span is a duration that files show in words.
type Span time.Duration

// MarshalText writes the span as 1m2.5s.
func (s Span) MarshalText() ([]byte, error) { return []byte(time.Duration(s).String()), nil }

// UnmarshalText reads what MarshalText writes.
func (s *Span) UnmarshalText(text []byte) error {
	d, err := time.ParseDuration(string(text))
	*s = Span(d)
	return err
}

// clone returns a copy whose faults have not struck yet.
func (s *Scenario) clone() Scenario {
	c := *s
	c.Faults = slices.Clone(s.Faults)
	for i := range c.Faults {
		f := &c.Faults[i]
		f.Bit = false
		f.Drawn = maps.Clone(f.Drawn) // the slices only grow, past their capacity
		for what, drawn := range f.Drawn {
			f.Drawn[what] = slices.Clip(drawn)
		}
	}
	return c
}

// Validate reports what a scenario from a file has that no run can: it may have
// been edited.
func (s *Scenario) Validate() error {
	nodes := s.Setup.Voters + s.Setup.Spares
	switch {
	case s.Duration <= 0 || s.Setup.Voters < 1 || nodes > nodesMax || len(s.Setup.Rates) != nodes:
		return fmt.Errorf("%d voters and %d spares with %d clocks for %v", s.Setup.Voters, s.Setup.Spares, len(s.Setup.Rates), time.Duration(s.Duration))
	case s.Setup.Delay <= 1 || s.Setup.Sync <= 1 || s.Setup.Sessions < 1 || slices.Contains(s.Setup.Rates, 0):
		return errors.New("delay, sync, sessions and clock rates must be positive")
	case s.Setup.Snapshots.Take > 0 && s.Setup.Snapshots.Time <= 1:
		return errors.New("the time of a snapshot's transfer must be positive")
	}
	numbers := map[uint64]bool{}
	for _, f := range s.Faults {
		if _, known := kindOf(f.Name); !known || numbers[f.Number] {
			return fmt.Errorf("fault %d: %q is not known, or the number is there twice", f.Number, f.Name)
		}
		numbers[f.Number] = true
	}
	for _, o := range s.Operations {
		if o.Client < 0 || o.Client >= s.Setup.Clients || !slices.Contains([]OperationKind{Append, Read, Bounded, Local, Expire}, o.Kind) {
			return fmt.Errorf("operation %d: no client %d or kind %q", o.Number, o.Client, o.Kind)
		}
	}
	return nil
}

// Draw draws the scenario of a seed; a duration of 0 is 10 minutes.
func Draw(seed uint64, duration time.Duration) Scenario {
	if duration == 0 {
		duration = defaultDuration
	}
	w := &world{chance: newChance(seed)}
	w.drawSetup()
	s := Scenario{Seed: seed, Duration: Span(duration), Setup: w.setup}
	s.Faults = w.drawFaults(duration)
	s.Operations = w.drawOperations(duration)
	return s
}

// drawSetup draws the configuration of a run: this is the one place that does.
func (w *world) drawSetup() {
	s := &w.setup
	s.Calm = w.chance.below("calm", 0, 10) == 0
	sizes := [...]int{3, 3, 3, 5, 5, 1, 2, 4, 7}
	s.Voters = sizes[w.chance.below("size", 0, uint64(len(sizes)))]
	s.Spares = w.spares(s.Voters)
	times := [...]time.Duration{100 * time.Microsecond, 2 * time.Millisecond, 30 * time.Millisecond}
	s.Sync = Span(times[w.chance.below("disk", 0, uint64(len(times)))])
	delays := [...]time.Duration{200 * time.Microsecond, time.Millisecond, 10 * time.Millisecond, 75 * time.Millisecond}
	s.Delay = Span(delays[w.chance.below("delay", 0, uint64(len(delays)))])
	s.Unordered = w.chance.below("unordered", 0, 4) == 0
	s.Skew = !s.Calm && w.chance.below("skew", 0, 3) == 0
	s.Core = w.config()
	w.drawPriorities(s.Voters + s.Spares)
	for i := range s.Voters + s.Spares {
		s.Rates = append(s.Rates, w.clockRate(raft.NodeID(i+1)))
	}
	s.Clients = [...]int{8, 40}[w.chance.below("clients", 0, 2)]
	s.Sessions = [...]int{s.Clients * 3 / 4, 1000, 1000, 1000}[w.chance.below("sessions", 0, 4)]
	s.Snapshots = w.drawSnapshots()
	w.drawFlow(s)
	if !s.Calm {
		s.Kinds = w.drawKinds()
		s.FaultEvery = Span(w.chance.between("fault rate", 0, 3*time.Second, 40*time.Second))
		if s.Voters == 2 {
			s.FaultEvery = max(s.FaultEvery, pairFaultEvery) // neither can do without the other
		}
	}
}

// pairFaultEvery is how often a cluster of two is struck at most, so that it gets
// some work done.
const pairFaultEvery = Span(12 * time.Second)

// clockRate lets clocks differ in one of three runs with faults: nothing but
// liveness may depend on them, and leases inside their bound.
func (w *world) clockRate(id raft.NodeID) uint64 {
	if !w.setup.Skew {
		return 1000
	}
	if w.setup.Core.LeaseReads {
		return w.leaseRate(id)
	}
	return 300 + w.chance.below("clock rate", uint64(id), 1500)
}

// config draws one bound after the other, small ones often: that is where the
// corners are.
func (w *world) config() raft.Config {
	pick := func(what string, from ...uint64) uint64 {
		return from[w.chance.below("config "+what, 0, uint64(len(from)))]
	}
	cfg := raft.Config{
		Group:              1,
		HeartbeatInterval:  100 * time.Millisecond,
		ElectionTimeoutMin: time.Second, ElectionTimeoutMax: 2 * time.Second,
		UncommittedBytesMax: pick("uncommitted", 0, 0, 2000),
		AppendBytesMax:      pick("append", 0, 0, 1, 200),
		InflightAppendsMax:  int(pick("inflight", 0, 0, 1, 3)),
		InflightBytesMax:    pick("inflight bytes", 0, 0, 300),
		CacheBytesMax:       pick("cache", 0, 1, 500),
		ApplyBytesMax:       pick("apply", 0, 0, 100),
		LearnerLagBytesMax:  pick("learner lag", 0, 1, 200),
		RetainedEntriesMax:  int(pick("retained", 0, 1, 5, 50)),
		PinnedBytesMax:      pick("pinned", 0, 1, 2000),
		SnapshotSendsMax:    int(pick("snapshot sends", 0, 1)),
	}
	w.drawLeases(&cfg)
	return cfg
}

// keyCount is how many lists clients append to.
const keyCount = 50

// entryTime is what one entry takes through the followers' window.
func (s *Setup) entryTime() time.Duration {
	const size = 32 + commandBytes // Entry.Size of a command
	few := func(limit, fallback uint64) uint64 {
		if limit == 0 {
			return fallback
		}
		return max(1, limit/size)
	}
	entries := few(s.Core.AppendBytesMax, 1000)
	if n := s.Core.InflightAppendsMax; n != 0 {
		entries *= uint64(n)
	} else {
		entries *= 256
	}
	entries = min(entries, few(s.Core.InflightBytesMax, 1<<20))
	return time.Duration(3*s.Delay+2*s.Sync) / time.Duration(entries)
}

// drawOperations draws what clients begin: five operations a second or so, now
// and then many at once.
func (w *world) drawOperations(duration time.Duration) []Operation {
	pause := w.chance.between("client rate", 0, 150*time.Millisecond, 400*time.Millisecond)
	// Why: one that is always behind tells nothing of what follows on a fault.
	pause = max(pause, 4*w.setup.entryTime())
	var all []Operation
	for at := pause; at < duration; at += w.chance.between("client", 0, pause/2, pause*3/2) {
		burst := uint64(1)
		if w.chance.hits("burst", 0, 10) {
			burst += w.chance.below("burst size", 0, 40)
		}
		for range burst {
			o := Operation{Number: uint64(len(all)) + 1, At: Span(at), Kind: Append}
			o.Client = int(w.chance.below("client of", o.Number, uint64(w.setup.Clients)))
			o.Key = w.chance.below("key of", o.Number, keyCount)
			switch kind := w.chance.below("kind of", o.Number, 1000); {
			case kind < 300:
				o.Kind = Read
			case kind < 310:
				o.Kind = Expire
			case kind < 370:
				o.Kind = Bounded
			case kind < 380:
				o.Kind = Local
			}
			all = append(all, o)
		}
	}
	return all
}

// SeedOf derives a seed from a name, such as that of a commit, and a number.
func SeedOf(name string, number int) uint64 {
	const readable = 1e12 // people copy seeds
	return mix(key(name, uint64(number)))%readable + 1
}
