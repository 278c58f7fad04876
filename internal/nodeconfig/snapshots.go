package nodeconfig

import (
	"fmt"
	"time"
)

// Snapshots says when a node takes snapshots of its machines, what it keeps of them
// and of the logs behind them, and how fast it sends them.
type Snapshots struct {
	// LogBytes is how much is written to a machine's log between two snapshots of it;
	// default 64MiB. Alike on all nodes, else replicas take theirs behind different
	// entries, and a follower that was sent one can go on only at the node it began with.
	LogBytes Size `koanf:"log-bytes"`
	// Interval is how much log time lies between two at most, if anything was written;
	// default 30m. Alike on all nodes.
	Interval time.Duration `koanf:"interval"`
	// TailBytes bounds what of a log is kept behind the newest snapshot, for followers that
	// are a little late; default 64MiB. May differ from node to node, as what follows.
	TailBytes Size `koanf:"tail-bytes"`
	// Keep is how many snapshots of a machine are kept, besides those that the kept ones
	// rest on; default 2.
	Keep int `koanf:"keep"`
	// SendRate is how many bytes of files, snapshots and modules, this node sends its
	// peers in a second, all of them together; default 64MiB.
	SendRate Size `koanf:"send-rate"`
}

const (
	snapshotLogBytesDefault  = 64 * MiB
	snapshotLogBytesMin      = 4 * KiB
	snapshotLogBytesMax      = 64 * GiB
	snapshotIntervalDefault  = 30 * time.Minute
	snapshotIntervalMin      = time.Second
	snapshotIntervalMax      = 30 * 24 * time.Hour
	snapshotTailBytesDefault = 64 * MiB
	snapshotTailBytesMin     = 1 * KiB
	snapshotTailBytesMax     = 64 * GiB
	snapshotKeepDefault      = 2
	snapshotKeepMax          = 16
	snapshotSendRateDefault  = 64 * MiB
	snapshotSendRateMin      = 64 * KiB // a step of a file in a second, well below the time a transfer may stall
	snapshotSendRateMax      = 64 * GiB
)

func (s Snapshots) withDefaults() Snapshots {
	setDefault(&s.LogBytes, snapshotLogBytesDefault)
	setDefault(&s.Interval, snapshotIntervalDefault)
	setDefault(&s.TailBytes, snapshotTailBytesDefault)
	setDefault(&s.Keep, snapshotKeepDefault)
	setDefault(&s.SendRate, snapshotSendRateDefault)
	return s
}

func (s Snapshots) validate() []error {
	problems := []error{
		sizeBetween("snapshots.log-bytes", s.LogBytes, snapshotLogBytesMin, snapshotLogBytesMax),
		sizeBetween("snapshots.tail-bytes", s.TailBytes, snapshotTailBytesMin, snapshotTailBytesMax),
		sizeBetween("snapshots.send-rate", s.SendRate, snapshotSendRateMin, snapshotSendRateMax),
	}
	if s.Interval < snapshotIntervalMin || s.Interval > snapshotIntervalMax {
		problems = append(problems, fmt.Errorf("snapshots.interval: %v is out of range: use %v to %v", s.Interval, snapshotIntervalMin, snapshotIntervalMax))
	}
	if s.Keep < 1 || s.Keep > snapshotKeepMax {
		problems = append(problems, fmt.Errorf("snapshots.keep: %d is out of range: use 1 to %d", s.Keep, snapshotKeepMax))
	}
	return problems
}
