package chaos

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/internal/relay"
)

// Pair is a link: two nodes, the lower first.
type Pair [2]client.NodeID

// String writes 1-2.
func (p Pair) String() string { return fmt.Sprintf("%d-%d", p[0], p[1]) }

// Path is what a link does to datagrams, each way. The zero value does nothing.
type Path struct {
	// Loss is the share that is lost, from 0 to 1, in runs of Burst on average; 0: each on
	// its own.
	Loss  float64 `json:"loss"`
	Burst float64 `json:"burst_packets,omitempty"`
	// RTTMicros is what a way there and back takes on top, and JitterMicros what each way
	// may take on top of that.
	RTTMicros    int64 `json:"rtt_us"`
	JitterMicros int64 `json:"jitter_us,omitempty"`
	// Reorder is the share that others overtake, from 0 to 1.
	Reorder float64 `json:"reorder,omitempty"`
	// BytesPerSecond is what the link carries each way; 0: no bound.
	BytesPerSecond uint64 `json:"bytes_per_second,omitempty"`
}

// RTT is RTTMicros as a time.
func (p Path) RTT() time.Duration { return time.Duration(p.RTTMicros) * time.Microsecond }

// Jitter is JitterMicros as a time.
func (p Path) Jitter() time.Duration { return time.Duration(p.JitterMicros) * time.Microsecond }

// conditions are those of one direction.
func (p Path) conditions(cut bool) relay.Conditions {
	return relay.Conditions{
		Cut: cut, Loss: p.Loss, LossBurst: p.Burst, Delay: p.RTT() / 2, Jitter: p.Jitter(), Reorder: p.Reorder, BytesPerSecond: p.BytesPerSecond,
	}
}

// delayMax bounds what a link may take: what is on its way is held in memory.
const delayMax = time.Minute

func (p Path) validate() error {
	if max(p.RTTMicros, p.JitterMicros) > delayMax.Microseconds() {
		return fmt.Errorf("chaos: a link may take %v at most", delayMax)
	}
	return p.conditions(false).Validate()
}

// Change is what somebody wants of the links. Fields that are nil leave what they are
// about as it is.
type Change struct {
	// Links are the links that the fields below up to BytesPerSecond are about; empty: all.
	Links          []Pair   `json:"links,omitempty"`
	Loss           *float64 `json:"loss,omitempty"`
	Burst          *float64 `json:"burst_packets,omitempty"`
	RTTMicros      *int64   `json:"rtt_us,omitempty"`
	JitterMicros   *int64   `json:"jitter_us,omitempty"`
	Reorder        *float64 `json:"reorder,omitempty"`
	BytesPerSecond *uint64  `json:"bytes_per_second,omitempty"`
	// Partition are nodes that are cut off from all others, and not from each other. It
	// takes the place of an earlier one. Heal ends it.
	Partition []client.NodeID `json:"partition,omitempty"`
	Heal      bool            `json:"heal,omitempty"`
}

// over returns p with what the change says of it.
func (c Change) over(p Path) Path {
	put(&p.Loss, c.Loss)
	put(&p.Burst, c.Burst)
	put(&p.RTTMicros, c.RTTMicros)
	put(&p.JitterMicros, c.JitterMicros)
	put(&p.Reorder, c.Reorder)
	put(&p.BytesPerSecond, c.BytesPerSecond)
	return p
}

func put[T any](to *T, value *T) {
	if value != nil {
		*to = *value
	}
}

// check reports what of the change cannot be among nodes.
func (c Change) check(nodes []client.NodeID) error {
	var problems []error
	known := func(id client.NodeID) {
		if !slices.Contains(nodes, id) {
			problems = append(problems, fmt.Errorf("chaos: there is no node %d; there are %v", id, nodes))
		}
	}
	for _, p := range c.Links {
		known(p[0])
		known(p[1])
		if p[0] >= p[1] {
			problems = append(problems, fmt.Errorf("chaos: link %v: name two nodes, the lower first", p))
		}
	}
	for _, id := range c.Partition {
		known(id)
	}
	switch apart := len(slices.Compact(slices.Sorted(slices.Values(c.Partition)))); {
	case apart > 0 && c.Heal:
		problems = append(problems, errors.New("chaos: a partition cannot begin and end at once"))
	case apart >= len(nodes):
		problems = append(problems, errors.New("chaos: a partition of all nodes leaves nobody on the other side"))
	}
	return errors.Join(problems...)
}
