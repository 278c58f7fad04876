package nodeconfig

import (
	"fmt"
	"time"
)

// Disk says when the disk of the data directory counts as full or as stalled. May differ
// from node to node.
type Disk struct {
	// MinFree is the low-water mark: with less free space the node takes no commands,
	// modules or snapshots; default 256MiB. A quarter of it, the ballast included, is
	// needed to start.
	MinFree Size `koanf:"min-free"`
	// Ballast is the size of a file that holds space back for a full disk; default: a
	// quarter of MinFree.
	Ballast Size `koanf:"ballast"`
	// StallTimeout is how long a write may take before the node hands leadership over;
	// default 5s.
	StallTimeout time.Duration `koanf:"stall-timeout"`
	// ScrubInterval is how often logs, snapshots and modules are read over for rot; default
	// 24h. ScrubRate is how many bytes of them are read in a second; default 8MiB.
	ScrubInterval time.Duration `koanf:"scrub-interval"`
	ScrubRate     Size          `koanf:"scrub-rate"`
	// KeepModules is how long a module stays that no log, snapshot or rollback of this node
	// names, and nobody asks for; default 1h.
	KeepModules time.Duration `koanf:"keep-modules"`
}

const (
	minFreeDefault      = 256 * MiB
	minFreeMin          = 8 * MiB
	minFreeMax          = 1 << 20 * GiB
	ballastShareDefault = 4 // of MinFree
	ballastMin          = 1 * MiB
	stallTimeoutDefault = 5 * time.Second
	stallTimeoutMin     = 100 * time.Millisecond
	stallTimeoutMax     = 10 * time.Minute
	scrubIntervalMin    = time.Minute
	scrubIntervalMax    = 365 * 24 * time.Hour
	scrubRateMin        = 64 * KiB
	scrubRateMax        = 64 * GiB
	scrubRateDefault    = 8 * MiB
	keepModulesDefault  = time.Hour
	keepModulesMin      = time.Minute
	keepModulesMax      = 365 * 24 * time.Hour
)

func (d Disk) withDefaults() Disk {
	setDefault(&d.MinFree, minFreeDefault)
	setDefault(&d.Ballast, max(d.MinFree/ballastShareDefault, ballastMin))
	setDefault(&d.StallTimeout, stallTimeoutDefault)
	setDefault(&d.ScrubInterval, 24*time.Hour)
	setDefault(&d.ScrubRate, scrubRateDefault)
	setDefault(&d.KeepModules, keepModulesDefault)
	return d
}

func (d Disk) validate() []error {
	problems := []error{
		sizeBetween("disk.min-free", d.MinFree, minFreeMin, minFreeMax),
		sizeBetween("disk.ballast", d.Ballast, ballastMin, minFreeMax),
		sizeBetween("disk.scrub-rate", d.ScrubRate, scrubRateMin, scrubRateMax),
	}
	if d.ScrubInterval < scrubIntervalMin || d.ScrubInterval > scrubIntervalMax {
		problems = append(problems, fmt.Errorf("disk.scrub-interval: %v is out of range: use %v to %v", d.ScrubInterval, scrubIntervalMin, scrubIntervalMax))
	}
	if d.KeepModules < keepModulesMin || d.KeepModules > keepModulesMax {
		problems = append(problems, fmt.Errorf("disk.keep-modules: %v is out of range: use %v to %v", d.KeepModules, keepModulesMin, keepModulesMax))
	}
	if d.StallTimeout < stallTimeoutMin || d.StallTimeout > stallTimeoutMax {
		problems = append(problems, fmt.Errorf("disk.stall-timeout: %v is out of range: use %v to %v", d.StallTimeout, stallTimeoutMin, stallTimeoutMax))
	}
	return problems
}
