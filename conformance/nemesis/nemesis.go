package nemesis

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/conformance/cluster"
	"github.com/wraft/wraft/internal/relay"
)

// trouble begins one kind of fault and returns how it ends.
type trouble struct {
	name  string
	begin func(n *nemesis) (end func() error, err error)
}

// troubles are all kinds, by the names of docs/TESTING.md.
var troubles = []trouble{
	{"crash", crash},
	{"crash of all", crashAll},
	{"pause", pause},
	{"loss", worsen(relay.Conditions{Loss: 0.15})},
	{"bursts of loss", worsen(relay.Conditions{Loss: 0.1, LossBurst: 20})},
	{"duplication and reordering", worsen(relay.Conditions{Duplicate: 0.2, Reorder: 0.2})},
	{"corruption", worsen(relay.Conditions{Corrupt: 0.05})},
	{"far away", worsen(relay.Conditions{Delay: 75 * time.Millisecond, Jitter: 20 * time.Millisecond})},
	{"narrow", worsen(relay.Conditions{BytesPerSecond: 60_000, QueueBytes: 30_000})},
	{"isolation", isolate},
	{"one-way cut", cutOneWay},
	{"new ports", rebind},
}

// nemesis causes trouble, one kind at a time or two.
type nemesis struct {
	c     *cluster.Cluster
	links *cluster.Links
	rng   *rand.Rand
	// struck counts troubles by name.
	struck map[string]int
	log    func(format string, args ...any)
}

// strike begins one trouble, lasts for a while, and ends it. wait returns early
// with an error when the run is over.
func (n *nemesis) strike(wait func(time.Duration) error) error {
	count := 1 + n.rng.IntN(2)
	var ends []func() error
	for range count {
		t := troubles[n.rng.IntN(len(troubles))]
		n.log("%s", t.name)
		end, err := t.begin(n)
		if err != nil {
			return fmt.Errorf("nemesis: %s: %w", t.name, err)
		}
		n.struck[t.name]++
		ends = append(ends, end)
	}
	over := wait(time.Duration(200+n.rng.IntN(4000)) * time.Millisecond)
	var errs []error
	for _, end := range ends {
		errs = append(errs, end())
	}
	return errors.Join(append(errs, over)...)
}

func (n *nemesis) victim() *cluster.Node { return n.c.Nodes[n.rng.IntN(len(n.c.Nodes))] }

func crash(n *nemesis) (func() error, error) {
	node := n.victim()
	return func() error { return startAgain(node) }, node.Kill()
}

func crashAll(n *nemesis) (func() error, error) {
	return n.c.Start, n.c.KillAll()
}

// startAgain starts a node that another trouble has not started yet.
func startAgain(node *cluster.Node) error {
	if node.Running() {
		return nil
	}
	return node.Start()
}

// pause freezes a process; it wakes up to everything that happened meanwhile.
func pause(n *nemesis) (func() error, error) {
	node := n.victim()
	return node.Resume, node.Pause()
}

// worsen makes the links between all nodes, or to one of them, worse.
func worsen(c relay.Conditions) func(*nemesis) (func() error, error) {
	return func(n *nemesis) (func() error, error) {
		if n.rng.IntN(2) == 0 {
			return n.heal, n.links.SetAll(c)
		}
		return n.heal, n.links.SetFrom(n.victim().ID, c)
	}
}

func (n *nemesis) heal() error { return n.links.SetAll(relay.Conditions{}) }

// isolate cuts a node off in both directions.
func isolate(n *nemesis) (func() error, error) {
	id := n.victim().ID
	return n.heal, errors.Join(n.links.SetFrom(id, relay.Conditions{Cut: true}), n.links.SetTo(id, relay.Conditions{Cut: true}))
}

// cutOneWay cuts what one node says to all others, to one of them, or hears.
func cutOneWay(n *nemesis) (func() error, error) {
	cut, id := relay.Conditions{Cut: true}, n.victim().ID
	switch n.rng.IntN(3) {
	case 0:
		return n.heal, n.links.SetFrom(id, cut)
	case 1:
		return n.heal, n.links.SetTo(id, cut)
	}
	return n.heal, n.links.Set(id, n.another(id), cut)
}

// another is a node that is not id.
func (n *nemesis) another(id client.NodeID) client.NodeID {
	for {
		if other := n.victim().ID; other != id {
			return other
		}
	}
}

func rebind(n *nemesis) (func() error, error) {
	return func() error { return nil }, n.links.Rebind()
}
