package top

import (
	"time"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/internal/scrape"
)

// Reading is what the cluster said at one moment.
type Reading struct {
	At   time.Time
	Info client.ClusterInfo
	// Metrics are those of the nodes that answered.
	Metrics map[client.NodeID]scrape.Samples
	// Err is why nobody answered; nothing else counts then.
	Err error
}

// span is two readings, of which the first may be missing.
type span struct{ before, last Reading }

// seconds is the time between the two, 0 when there is one.
func (s span) seconds() float64 {
	if s.before.At.IsZero() || s.before.Err != nil {
		return 0
	}
	return s.last.At.Sub(s.before.At).Seconds()
}

// rise is by how much a number of a node has grown. ok is false when that is not known: the
// node did not answer twice, or began anew in between.
func (s span) rise(node client.NodeID, match func(scrape.Sample) bool) (grown float64, ok bool) {
	then, known := total(s.before.Metrics[node], match)
	now, knownNow := total(s.last.Metrics[node], match)
	if s.seconds() <= 0 || !known || !knownNow || now < then {
		return 0, false
	}
	return now - then, true
}

// rate is rise in a second.
func (s span) rate(node client.NodeID, match func(scrape.Sample) bool) (perSecond float64, ok bool) {
	grown, ok := s.rise(node, match)
	if !ok {
		return 0, false
	}
	return grown / s.seconds(), true
}

// total adds up the samples that match.
func total(samples scrape.Samples, match func(scrape.Sample) bool) (sum float64, ok bool) {
	for _, sample := range samples {
		if match(sample) {
			sum, ok = sum+sample.Value, true
		}
	}
	return sum, ok
}

// named matches metrics by name.
func named(names ...string) func(scrape.Sample) bool {
	return func(s scrape.Sample) bool {
		for _, n := range names {
			if s.Name == n {
				return true
			}
		}
		return false
	}
}

// with matches one metric that has a label.
func with(name, label, value string) func(scrape.Sample) bool {
	return func(s scrape.Sample) bool { return s.Name == name && s.Labels[label] == value }
}
