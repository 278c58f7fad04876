package compileworker

import (
	"errors"
	"fmt"
	"time"
)

// Limits bounds one worker. The zero value of a field means its default.
type Limits struct {
	// CPU bounds the processor time; whole seconds count, rounded up. Default 60 s,
	// several times what honest modules of 16 MiB take.
	CPU time.Duration
	// Wall bounds the time from start to end, for a worker that hangs or gets no
	// processor. Default 5 min.
	Wall time.Duration
	// MemoryBytes bounds the resident memory. Default 1 GiB; a worker that does
	// nothing takes some 20 MiB.
	MemoryBytes int64
}

const (
	cpuDefault    = 60 * time.Second
	wallDefault   = 5 * time.Minute
	memoryDefault = 1 << 30
	memoryMin     = 64 << 20
)

func (l Limits) withDefaults() Limits {
	if l.CPU == 0 {
		l.CPU = cpuDefault
	}
	if l.Wall == 0 {
		l.Wall = wallDefault
	}
	if l.MemoryBytes == 0 {
		l.MemoryBytes = memoryDefault
	}
	return l
}

// Validate reports every field that is out of its range.
func (l Limits) Validate() error {
	l = l.withDefaults()
	var errs []error
	if l.CPU < time.Second {
		errs = append(errs, fmt.Errorf("compileworker: CPU is %v, want at least 1 s", l.CPU))
	}
	if l.Wall < 0 {
		errs = append(errs, fmt.Errorf("compileworker: Wall is %v, want more than 0", l.Wall))
	}
	if l.MemoryBytes < memoryMin {
		errs = append(errs, fmt.Errorf("compileworker: MemoryBytes is %d, want at least %d", l.MemoryBytes, memoryMin))
	}
	return errors.Join(errs...)
}

// cpuSeconds is the processor time in whole seconds, rounded up.
func (l Limits) cpuSeconds() uint64 { return uint64((l.CPU + time.Second - 1) / time.Second) }
