package relay

import (
	"errors"
	"fmt"
	"maps"
	"slices"
)

// Mesh is a relay for each ordered pair of nodes, so that the path between any two of
// them can be made bad while they run. Why not one for both ways: a node has to reach
// the others at addresses of its own, whoever dials.
type Mesh[ID ~uint64] struct {
	ids []ID // ascending
	// relays are by who dials: relays[{a, b}] stands at the address that a has for b.
	relays map[[2]ID]*Relay
}

// NewMesh starts the relays between nodes, by the UDP address of each. Close it after
// the nodes.
func NewMesh[ID ~uint64](addresses map[ID]string, seed uint64) (*Mesh[ID], error) {
	m := &Mesh[ID]{ids: slices.Sorted(maps.Keys(addresses)), relays: map[[2]ID]*Relay{}}
	for _, from := range m.ids {
		for _, to := range m.ids {
			if from == to {
				continue
			}
			r, err := Start(Config{Target: addresses[to], Seed: seed ^ uint64(from)<<8 ^ uint64(to)})
			if err != nil {
				return nil, errors.Join(fmt.Errorf("relay: from %d to %d: %w", uint64(from), uint64(to), err), m.Close())
			}
			m.relays[[2]ID{from, to}] = r
		}
	}
	return m, nil
}

// Nodes are the nodes of the mesh, ascending.
func (m *Mesh[ID]) Nodes() []ID { return slices.Clone(m.ids) }

// Via is the address, as host:port, at which from has to reach another node.
func (m *Mesh[ID]) Via(from, to ID) string { return m.relays[[2]ID{from, to}].Addr().String() }

// Set changes what happens to whatever from sends to another node.
func (m *Mesh[ID]) Set(from, to ID, conditions Conditions) error {
	return errors.Join(
		m.relays[[2]ID{from, to}].Set(Forward, conditions),
		m.relays[[2]ID{to, from}].Set(Back, conditions))
}

// SetAll changes all links, both ways.
func (m *Mesh[ID]) SetAll(conditions Conditions) error {
	var errs []error
	for _, r := range m.relays {
		errs = append(errs, r.Set(Forward, conditions), r.Set(Back, conditions))
	}
	return errors.Join(errs...)
}

// SetFrom changes what happens to everything one node sends.
func (m *Mesh[ID]) SetFrom(from ID, conditions Conditions) error {
	var errs []error
	for _, to := range m.ids {
		if to != from {
			errs = append(errs, m.Set(from, to, conditions))
		}
	}
	return errors.Join(errs...)
}

// SetTo changes what happens to everything one node is sent.
func (m *Mesh[ID]) SetTo(to ID, conditions Conditions) error {
	var errs []error
	for _, from := range m.ids {
		if from != to {
			errs = append(errs, m.Set(from, to, conditions))
		}
	}
	return errors.Join(errs...)
}

// Rebind gives all connections new ports, as a NAT does that was restarted.
func (m *Mesh[ID]) Rebind() error {
	var errs []error
	for _, r := range m.relays {
		errs = append(errs, r.Rebind())
	}
	return errors.Join(errs...)
}

// Counters says what became of the datagrams that from sent to another node.
func (m *Mesh[ID]) Counters(from, to ID) Counters {
	return m.relays[[2]ID{from, to}].Counters(Forward).Plus(m.relays[[2]ID{to, from}].Counters(Back))
}

// Total adds up what became of the datagrams of all links.
func (m *Mesh[ID]) Total() Counters {
	var sum Counters
	for _, r := range m.relays {
		sum = sum.Plus(r.Counters(Forward)).Plus(r.Counters(Back))
	}
	return sum
}

// Close stops all relays.
func (m *Mesh[ID]) Close() error {
	var errs []error
	for _, r := range m.relays {
		errs = append(errs, r.Close())
	}
	return errors.Join(errs...)
}
