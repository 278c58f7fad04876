package nodetest

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/wraft/wraft/node"
	"github.com/wraft/wraft/raft"
)

// Config says what world a run takes place in. Times are virtual.
type Config struct {
	Seed       uint64
	Nodes      int // default 3
	Clients    int // default 4
	Operations int // each client's; default 30

	Heartbeat, ElectionTimeout   time.Duration  // default 100 ms, 1 s
	DelayMin, DelayMax           time.Duration  // one way; default 0.2 to 5 ms
	DiskMin, DiskMax             time.Duration  // of a sync; default 0.1 to 3 ms
	ApplyMax                     time.Duration  // of a range; default 1 ms
	Loss, Duplicate              float64        // of messages
	Crashes                      int            // of random nodes, each followed by a restart
	Partitions                   int            // of random pairs, one way or both, each healed later
	CacheBytesMax, ApplyBytesMax uint64         // of the cores; default their own
	Upgrades                     int            // asked for at random times; every third one is refused
	Wipes                        int            // crashes that take the whole disk, each followed by a restart
	Rollbacks                    int            // asked for at random times
	LoseModules                  bool           // a crash may take modules that others have
	ModuleGrace                  time.Duration  // for which a module stays that nothing names; 0: for ever
	Forget                       []node.NamedBy // a planted bug: such names do not count
	Plant                        Bug            // another one
	Deletes                      int            // of a second machine, which is deployed anew each time
	Churn                        int            // nodes that leave, each followed by a new one under its ID
	Keys                         bool           // half of the commands are under idempotency keys
	LeaseReads                   bool           // leaders may hold leases, and half of the reads are by lease

	SnapshotBytes uint64 // of the log between two snapshots; 0: none are taken
	TailEntries   int    // of the log kept behind a snapshot; default the cores' own
	PinnedBytes   uint64 // of the log kept for followers; default the cores' own
	Damage        bool   // a crash may damage a snapshot

	Snapshot    node.SnapshotMode // of the machine, when it is deployed
	ModeChanges int               // asked for at random times
}

// Result is what a run came to.
type Result struct {
	Violations   []string
	Acknowledged int // commands with an answer
	Reads        int // reads with an answer, of all modes
	Virtual      time.Duration
	Terms        raft.Term // the highest of any group
	Upgrades     int       // that took place
	Refused      int       // upgrades that did not
	Orders       int       // upgrade orders proposed, repeats included
	Waits        int       // times a replica came to an upgrade without its module
	Snapshots    int       // that replicas took
	Installs     int       // that took the place of a log
	Restores     int       // machines that began in the state of a snapshot
	Damaged      int       // snapshots that were found damaged
	Asked        int       // snapshots that came from a peer because nothing here would do
	Removed      int       // modules that nodes removed
	Overtaken    int       // replicas that began behind an upgrade whose module nobody had
	Wipes        int       // disks that were emptied
	Changes      int       // of configurations that leaders were asked for
	ModeChanges  int       // that the meta group answered
	Exports      int       // export entries, as replicas applied them
	Refusals     int       // of them, as the module refused them
	FromExports  int       // machines that began from an export
	Deleted      int       // machines
	Churned      int       // nodes that were replaced
	// TransferBytes is what was received of snapshots.
	TransferBytes int
	Hash          uint64 // of the whole run: equal seeds, equal hashes
}

// Sim is one run.
type Sim struct {
	cfg    Config
	chance chance
	events events
	nodes  map[raft.NodeID]*simNode // nil while a node is down
	stores map[raft.NodeID]*MemStore
	mods   map[raft.NodeID]map[node.Digest]bool
	lives  map[raft.NodeID]uint64
	votes  map[voteKey]raft.NodeID
	// identities are the lives that disks are in; 0: the disk is empty.
	identities map[raft.NodeID]raft.Incarnation
	cuts       map[[2]raft.NodeID]int
	draws      map[drawKey]uint64
	disks      map[diskKey]*simDisk
	states     map[stateKey][]byte // what snapshots held behind an entry, whoever took them

	clients      []*simClient
	leaders      map[leaderKey]raft.NodeID
	group        raft.GroupID // of the machine, once deployed
	history      []record
	reads        []readRecord
	result       Result
	trace        uint64
	faulty       bool // faults may still happen
	upgradesOpen int  // requests of the operator without an answer
	passing      *passing
	churning     *churning
}

type drawKey struct {
	domain string
	node   raft.NodeID
}

type leaderKey struct {
	group raft.GroupID
	term  raft.Term
}

// violationsMax bounds what one run reports.
const violationsMax = 10

// Run plays a seed to its end and reports what went wrong.
func Run(cfg Config) Result {
	s := newSim(cfg.withDefaults())
	for _, id := range s.ids() {
		s.boot(id)
	}
	s.plan()
	s.planUpgrades()
	s.planRollbacks()
	s.planWipes()
	s.planModes()
	s.planDeletes()
	s.planChurn()
	s.startClients()
	deadline := s.horizon()
	for len(s.result.Violations) == 0 && s.now() < deadline && !s.finished() {
		if !s.events.step() {
			break
		}
		s.mark(uint64(s.now()))
	}
	s.conclude()
	s.result.Virtual, s.result.Hash = s.now(), s.trace
	return s.result
}

func newSim(cfg Config) *Sim {
	s := &Sim{
		cfg: cfg, chance: chance{cfg.Seed}, nodes: map[raft.NodeID]*simNode{}, stores: map[raft.NodeID]*MemStore{},
		mods: map[raft.NodeID]map[node.Digest]bool{}, lives: map[raft.NodeID]uint64{}, votes: map[voteKey]raft.NodeID{}, identities: map[raft.NodeID]raft.Incarnation{}, cuts: map[[2]raft.NodeID]int{},
		draws: map[drawKey]uint64{}, disks: map[diskKey]*simDisk{}, states: map[stateKey][]byte{}, leaders: map[leaderKey]raft.NodeID{}, trace: fnv.New64a().Sum64(),
	}
	for _, id := range s.ids() {
		s.stores[id], s.mods[id] = NewMemStore(), map[node.Digest]bool{}
	}
	s.mods[1][firstModule] = true // uploaded to node 1; the others fetch it
	return s
}

func (c Config) withDefaults() Config {
	def(&c.Nodes, 3)
	def(&c.Clients, 4)
	def(&c.Operations, 30)
	def(&c.Heartbeat, 100*time.Millisecond)
	def(&c.ElectionTimeout, time.Second)
	def(&c.DelayMin, 200*time.Microsecond)
	def(&c.DelayMax, 5*time.Millisecond)
	def(&c.DiskMin, 100*time.Microsecond)
	def(&c.DiskMax, 3*time.Millisecond)
	def(&c.ApplyMax, time.Millisecond)
	return c
}

func def[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

func (s *Sim) now() time.Duration { return s.events.now }

func (s *Sim) ids() []raft.NodeID {
	out := make([]raft.NodeID, s.cfg.Nodes)
	for i := range out {
		out[i] = raft.NodeID(i + 1)
	}
	return out
}

// draw returns the generator of a node's next decision of a kind.
func (s *Sim) draw(domain string, id raft.NodeID) *rand.Rand {
	k := drawKey{domain, id}
	s.draws[k]++
	return s.chance.at(domain, uint64(id), s.draws[k])
}

func (s *Sim) mark(x uint64) { s.trace = mix(s.trace ^ x) }

func (s *Sim) violate(format string, args ...any) {
	if len(s.result.Violations) < violationsMax {
		s.result.Violations = append(s.result.Violations, fmt.Sprintf("at %v: ", s.now())+fmt.Sprintf(format, args...))
	}
}

// boot starts a node on what its disk holds.
func (s *Sim) boot(id raft.NodeID) {
	s.lives[id]++
	n := &simNode{sim: s, id: id, life: s.lives[id], store: s.stores[id], modules: s.mods[id]}
	s.nodes[id] = n
	if err := n.start(); err != nil {
		s.violate("start of %v: %v", id, err)
	}
	life := s.lives[id]
	s.tell(id, func(sh *node.Shard) { sh.PeerRuns(id, life) })
}

// tell lets each other node that a node reaches know something of it, after a while.
func (s *Sim) tell(of raft.NodeID, what func(*node.Shard)) {
	for _, to := range s.ids() {
		r := s.draw("tell", of)
		s.events.after(between(r, s.cfg.DelayMin, 2*s.cfg.DelayMax), func() {
			if n := s.nodes[to]; n != nil && to != of && s.reachable(of, to) {
				what(n.shard)
				n.pump()
			}
		})
	}
}

// crash cuts a node's power: what was not synced is lost, or kept by luck.
func (s *Sim) crash(id raft.NodeID) {
	n := s.nodes[id]
	if n == nil {
		return
	}
	s.nodes[id] = nil
	s.stores[id] = n.store.Crash(s.draw("keep", id).IntN(2) == 0)
	if s.cfg.LoseModules {
		s.lose(id)
	}
	if s.cfg.Damage {
		s.damage(id)
	}
	for _, c := range s.clients {
		c.nodeDown(id)
	}
	if life := s.lives[id]; s.draw("gone", id).IntN(2) == 0 { // Why not always: a machine may go with its process
		s.tell(id, func(sh *node.Shard) { sh.PeerGone(id, life) })
	}
}

// send carries a frame, perhaps not at all, perhaps twice.
func (s *Sim) send(from raft.NodeID, o node.Outgoing) {
	r := s.draw("net", from)
	sender, to := s.nodes[from].self(), s.identities[o.To]
	copies := 1
	if s.faulty && r.Float64() < s.cfg.Duplicate {
		copies = 2
	}
	for range copies {
		lost := s.faulty && r.Float64() < s.cfg.Loss
		delay := between(r, s.cfg.DelayMin, s.cfg.DelayMax)
		if lost || !s.reachable(from, o.To) {
			continue
		}
		s.events.after(delay, func() {
			// Why nothing reaches another life than it was sent to: it is lost with its
			// connection. What an earlier life sent may still arrive.
			n := s.nodes[o.To]
			if n == nil || n.born != to || !s.reachable(from, o.To) || n.outlived(sender) {
				return
			}
			if err := n.shard.Receive(sender, o.Frame.Group, o.Frame.Payload.(raft.Message)); err != nil {
				s.violate("%v refused a message of %v: %v", o.To, from, err)
			}
			n.pump()
		})
	}
}

func (s *Sim) reachable(from, to raft.NodeID) bool { return s.cuts[[2]raft.NodeID{from, to}] == 0 }

// plan schedules the faults of the run. They are over by faultsEnd.
func (s *Sim) plan() {
	s.faulty = true
	const begin, end = 2 * time.Second, 40 * time.Second
	for i := range s.cfg.Crashes {
		r := s.chance.at("crash", uint64(i))
		id, at := raft.NodeID(1+r.IntN(s.cfg.Nodes)), between(r, begin, end)
		down := between(r, time.Millisecond, 5*time.Second)
		s.events.after(at, func() { s.crash(id) })
		s.events.after(at+down, func() {
			if s.nodes[id] == nil {
				s.boot(id)
			}
		})
	}
	for i := range s.cfg.Partitions {
		r := s.chance.at("cut", uint64(i))
		a := raft.NodeID(1 + r.IntN(s.cfg.Nodes))
		b := raft.NodeID(1 + (int(a)+r.IntN(s.cfg.Nodes-1))%s.cfg.Nodes)
		at, length, both := between(r, begin, end), between(r, 100*time.Millisecond, 6*time.Second), r.IntN(2) == 0
		s.cut(at, length, a, b)
		if both {
			s.cut(at, length, b, a)
		}
	}
	s.events.after(faultsEnd, func() { s.faulty = false })
}

// faultsEnd is when the world becomes kind; what is left then must get done.
const faultsEnd = 46 * time.Second

func (s *Sim) horizon() time.Duration { return faultsEnd + 60*time.Second }

func (s *Sim) cut(at, length time.Duration, from, to raft.NodeID) {
	k := [2]raft.NodeID{from, to}
	s.events.after(at, func() { s.cuts[k]++ })
	s.events.after(at+length, func() { s.cuts[k]-- })
}

// finished: the faults are over, every client has its answers, every replica has caught up.
func (s *Sim) finished() bool {
	if s.now() < faultsEnd && s.cfg.Crashes+s.cfg.Partitions+s.cfg.Upgrades+s.cfg.Rollbacks+s.cfg.Wipes+s.cfg.ModeChanges+s.cfg.Deletes+s.cfg.Churn > 0 {
		return false
	}
	if slices.ContainsFunc(s.clients, func(c *simClient) bool { return !c.done }) {
		return false
	}
	return s.converged()
}
