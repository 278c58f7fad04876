package node

import (
	"fmt"
	"math"

	"github.com/wraft/wraft/plugins"
)

// MachineLimits bound one machine: bytes, and units of fuel. In a deploy 0 means
// the default; a machine's record has them in full, since replicas under different
// limits would compute different results. What each means stands at plugins.Limits.
type MachineLimits struct {
	_            struct{} `cbor:",toarray"`
	MemoryBytes  uint64
	CommandBytes uint64
	EntryBytes   uint64
	ResultBytes  uint64
	ExportBytes  uint64
	LogBytes     uint64
	EventBytes   uint64
	FuelCommand  uint64
	FuelEntry    uint64
	FuelBase     uint64
	FuelPerByte  uint64
	StackBytes   uint64
}

// limitField is one limit by the name that clients know it by, with its range.
type limitField struct {
	name      string
	value     *uint64
	low, high uint64
}

const (
	kib = 1 << 10
	mib = 1 << 20
	gib = 1 << 30

	// entryBytesFloor is what a batch may come to, framing included: a machine that
	// takes less would refuse whole entries.
	entryBytesFloor = 2 * BatchBytesMax
	// frameSlackBytes is what the framing adds to a single command, rounded up.
	frameSlackBytes = kib
	fuelCeiling     = 1 << 60
)

// fields lists the limits with the ranges that they may have under the maxima of a
// cluster. The ranges of one depend on others, so they hold for full limits.
func (l *MachineLimits) fields(memoryMax, commandMax uint64) []limitField {
	return []limitField{
		{"memory_bytes", &l.MemoryBytes, 64 * kib, min(memoryMax, plugins.MemoryBytesCeiling)},
		{"command_bytes", &l.CommandBytes, 1, commandMax},
		{"entry_bytes", &l.EntryBytes, max(l.CommandBytes+frameSlackBytes, entryBytesFloor), gib},
		{"result_bytes", &l.ResultBytes, 1, gib},
		{"export_bytes", &l.ExportBytes, 1, math.MaxInt64},
		{"log_bytes", &l.LogBytes, 1, gib},
		{"event_bytes", &l.EventBytes, 1, gib},
		{"fuel_command", &l.FuelCommand, 1, fuelCeiling},
		{"fuel_entry", &l.FuelEntry, l.FuelCommand, 2 * fuelCeiling},
		{"fuel_base", &l.FuelBase, 1, fuelCeiling},
		{"fuel_per_byte", &l.FuelPerByte, 1, mib},
		{"stack_bytes", &l.StackBytes, 64 * kib, 40_000_000},
	}
}

// LimitError: a machine asks for a limit that it cannot have. Ask for one in the
// range.
type LimitError struct {
	Limit           string // as clients name it, memory_bytes for example
	Value, Min, Max uint64
}

// Error names the limit and its range.
func (e *LimitError) Error() string {
	return fmt.Sprintf("node: limit %s is %d: this cluster allows %d to %d", e.Limit, e.Value, e.Min, e.Max)
}

// fill puts defaults where nothing is given and checks the rest. Why before a
// deploy is replicated: see MachineLimits.
func (l MachineLimits) fill(memoryMax, commandMax uint64) (MachineLimits, error) {
	setDefault(&l.MemoryBytes, min(memoryMax, plugins.MemoryBytesCeiling))
	setDefault(&l.CommandBytes, commandMax)
	if err := l.check(memoryMax, commandMax, true); err != nil { // before arithmetic on them
		return MachineLimits{}, err
	}
	if l.EntryBytes == 0 {
		const room = 2 // for framing, and for entries that hold more than one large command
		l.EntryBytes = room * max(l.CommandBytes, entryBytesFloor)
	}
	l = limitsOf(l.plugin().Full())
	return l, l.check(memoryMax, commandMax, false)
}

// orElse fills what is 0 from the machine's limits as they are.
func (l MachineLimits) orElse(present MachineLimits) MachineLimits {
	have := present.fields(0, 0)
	for i, f := range l.fields(0, 0) {
		setDefault(f.value, *have[i].value)
	}
	return l
}

// check finds the first limit out of its range; blank ones pass when allowed.
func (l MachineLimits) check(memoryMax, commandMax uint64, blank bool) error {
	for _, f := range l.fields(memoryMax, commandMax) {
		if *f.value == 0 && blank {
			continue
		}
		if *f.value < f.low || *f.value > f.high {
			return &LimitError{Limit: f.name, Value: *f.value, Min: f.low, Max: f.high}
		}
	}
	return nil
}

// plugin are the limits of an instance. They follow from a machine's record alone.
func (l MachineLimits) plugin() plugins.Limits {
	return plugins.Limits{
		MemoryBytesMax: int64(l.MemoryBytes), CommandBytesMax: int(l.CommandBytes), EntryBytesMax: int(l.EntryBytes),
		ResultBytesMax: int(l.ResultBytes), ExportBytesMax: int64(l.ExportBytes), LogBytesMax: int(l.LogBytes), EventBytesMax: int(l.EventBytes),
		FuelCommandMax: int64(l.FuelCommand), FuelEntryMax: int64(l.FuelEntry), FuelBase: int64(l.FuelBase), FuelPerByte: int64(l.FuelPerByte),
		StackBytesMax: int64(l.StackBytes),
	}
}

func limitsOf(p plugins.Limits) MachineLimits {
	return MachineLimits{
		MemoryBytes: uint64(p.MemoryBytesMax), CommandBytes: uint64(p.CommandBytesMax), EntryBytes: uint64(p.EntryBytesMax),
		ResultBytes: uint64(p.ResultBytesMax), ExportBytes: uint64(p.ExportBytesMax), LogBytes: uint64(p.LogBytesMax), EventBytes: uint64(p.EventBytesMax),
		FuelCommand: uint64(p.FuelCommandMax), FuelEntry: uint64(p.FuelEntryMax), FuelBase: uint64(p.FuelBase), FuelPerByte: uint64(p.FuelPerByte),
		StackBytes: uint64(p.StackBytesMax),
	}
}
