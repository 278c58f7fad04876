package wan

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/conformance/cluster"
	"github.com/wraft/wraft/internal/relay"
)

// Path is what every link between two regions does to datagrams, each way, besides
// taking its time.
type Path struct {
	// Loss is the share that is lost, from 0 to 1.
	Loss float64
	// BurstPackets is how many are lost in a row on average, BurstTime how long a burst
	// lasts on average. At most one of them is set; neither: each is lost on its own.
	BurstPackets float64
	BurstTime    time.Duration
	// Jitter is what may come on top of the time a datagram takes, evenly spread.
	Jitter time.Duration
	// Reorder is the share that others overtake, by up to 20 ms, Duplicate the share that
	// arrives twice.
	Reorder, Duplicate float64
}

// conditions are those of one direction of a link with a round trip.
func (p Path) conditions(rtt time.Duration) relay.Conditions {
	return relay.Conditions{
		Loss: p.Loss, LossBurst: p.BurstPackets, LossBurstTime: p.BurstTime,
		Delay: rtt / 2, Jitter: p.Jitter, Reorder: p.Reorder, Duplicate: p.Duplicate,
	}
}

// String names the loss as the last line does: 2%, 2%x4 in bursts of 4 packets,
// 2%x30ms in bursts of that time.
func (p Path) String() string {
	text := relay.FormatShare(p.Loss)
	switch {
	case p.BurstTime > 0:
		text += "x" + p.BurstTime.String()
	case p.BurstPackets > 1:
		text += "x" + strconv.FormatFloat(p.BurstPackets, 'g', 4, 64)
	}
	return text
}

// ParseBurst reads the mean length of a burst, in packets or as a time, into p.
func (p *Path) ParseBurst(text string) error {
	p.BurstPackets, p.BurstTime = 0, 0
	if n, err := strconv.ParseFloat(text, 64); err == nil && n >= 1 {
		p.BurstPackets = n
		return nil
	}
	if d, err := time.ParseDuration(text); err == nil && d > 0 {
		p.BurstTime = d
		return nil
	}
	return fmt.Errorf("wan: %.20q is no length of a burst: use packets (4) or a time (30ms)", text)
}

// roundTrips are those between the regions of the nodes.
var roundTrips = map[[2]client.NodeID]time.Duration{
	{1, 2}: 70 * time.Millisecond,
	{1, 3}: 80 * time.Millisecond,
	{2, 3}: 140 * time.Millisecond,
}

// quorumRTT is the round trip that the first node needs to have a quorum.
func (c Config) quorumRTT() time.Duration {
	switch {
	case c.RTT > 0:
		return c.RTT
	case c.Down == 2:
		return roundTrips[[2]client.NodeID{1, 3}]
	}
	return roundTrips[[2]client.NodeID{1, 2}]
}

// lay gives all links the path.
func (c Config) lay(links *cluster.Links, p Path) error {
	var errs []error
	for pair, rtt := range roundTrips {
		if c.RTT > 0 {
			rtt = c.RTT
		}
		errs = append(errs, links.Set(pair[0], pair[1], p.conditions(rtt)), links.Set(pair[1], pair[0], p.conditions(rtt)))
	}
	return errors.Join(errs...)
}
