package plugins

import (
	"errors"
	"fmt"
)

// Limits bounds what a module and its instances may use. They are part of a
// machine's replicated configuration: replicas with different limits compute
// different results. The zero value of a field means its default.
type Limits struct {
	// ModuleBytesMax bounds an uploaded binary. Default 64 MiB.
	ModuleBytesMax int
	// MemoryBytesMax bounds the linear memory of one instance; growing beyond
	// it fails inside the guest. Default 256 MiB, at most 4094 MiB.
	MemoryBytesMax int64
	// CommandBytesMax bounds one command and one query. Default 1 MiB.
	CommandBytesMax int
	// EntryBytesMax bounds all commands of one entry together, with their
	// framing. Default 16 MiB.
	EntryBytesMax int
	// ResultBytesMax bounds all results of one entry together, and the answer
	// to one query. Default 16 MiB.
	ResultBytesMax int
	// ExportBytesMax bounds what snapshot may write. Default 1 GiB.
	ExportBytesMax int64
	// LogBytesMax bounds the text that one entry may log; the rest is dropped
	// and counted. Default 16 KiB.
	LogBytesMax int
	// EventBytesMax bounds the events that one entry may emit, with 16 bytes
	// counted for each besides its data. Default 1 MiB.
	EventBytesMax int
	// FuelCommandMax bounds what one command may spend; docs/ABI.md says what
	// things cost. Default 5,000 million, which is a few seconds.
	FuelCommandMax int64
	// FuelEntryMax bounds an entry: it may spend the sum of its commands, but not
	// more than this. One that runs out is applied one command at a time. At
	// least FuelCommandMax, default twice that.
	FuelEntryMax int64
	// FuelBase and FuelPerByte bound the other calls: FuelBase plus FuelPerByte
	// for each byte of memory, for a query and a snapshot of the memory there is,
	// for _initialize and a restore of what the machine may have. Defaults
	// 5,000 million and 32.
	FuelBase    int64
	FuelPerByte int64
	// StackBytesMax bounds the frames of the functions that are active at a time,
	// as the module's code lets one compute them. Default 32 MiB, at most 40 MB.
	StackBytesMax int64
}

// MemoryBytesCeiling is the greatest MemoryBytesMax, in bytes: what fits 32 bits
// with the dirty map below it (instrument.GuestPagesMax), rounded down.
const MemoryBytesCeiling = 4*gib - 2*mib

const (
	kib = 1 << 10
	mib = 1 << 20
	gib = 1 << 30

	pageBytes          = 64 * kib
	eventOverheadBytes = 16
	// eventRingShare is how many entries' worth of events a machine keeps at least.
	eventRingShare = 4

	fuelCommandDefault = 5_000_000_000
	fuelPerByteDefault = 32
	fuelCeiling        = 1 << 60 // keeps sums within 63 bits
	fuelPerByteCeiling = 1 << 20

	stackBytesDefault = 32 * mib
	stackBytesFloor   = 64 * kib
	// stackBytesCeiling plus one frame (8 MB, package wasm) plus host functions
	// stays below the 50 MB to which the engine lets its stack grow at least.
	stackBytesCeiling = 40_000_000
)

// Full returns a copy with every zero field set to its default: what a replicated
// configuration has to say, since a later release may have other defaults.
func (l Limits) Full() Limits { return l.withDefaults() }

// withDefaults returns a copy with every zero field set to its default.
func (l Limits) withDefaults() Limits {
	setDefault(&l.ModuleBytesMax, 64*mib)
	setDefault(&l.MemoryBytesMax, 256*mib)
	setDefault(&l.CommandBytesMax, mib)
	setDefault(&l.EntryBytesMax, 16*mib)
	setDefault(&l.ResultBytesMax, 16*mib)
	setDefault(&l.ExportBytesMax, gib)
	setDefault(&l.LogBytesMax, 16*kib)
	setDefault(&l.EventBytesMax, mib)
	setDefault(&l.FuelCommandMax, fuelCommandDefault)
	setDefault(&l.FuelEntryMax, 2*l.FuelCommandMax)
	setDefault(&l.FuelBase, fuelCommandDefault)
	setDefault(&l.FuelPerByte, fuelPerByteDefault)
	setDefault(&l.StackBytesMax, stackBytesDefault)
	return l
}

func setDefault[T int | int64](field *T, value T) {
	if *field == 0 {
		*field = value
	}
}

// Validate reports every field that is negative or contradicts another. It
// judges the limits as they work, with defaults filled in.
func (l Limits) Validate() error {
	l = l.withDefaults()
	var problems []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			problems = append(problems, fmt.Errorf("plugins: limits: "+format, args...))
		}
	}
	check(l.ModuleBytesMax > 0, "ModuleBytesMax is %d, want more than 0", l.ModuleBytesMax)
	check(l.MemoryBytesMax >= pageBytes && l.MemoryBytesMax <= MemoryBytesCeiling,
		"MemoryBytesMax is %d, want %d (one page) to %d", l.MemoryBytesMax, int64(pageBytes), int64(MemoryBytesCeiling))
	check(l.CommandBytesMax > 0, "CommandBytesMax is %d, want more than 0", l.CommandBytesMax)
	check(l.EntryBytesMax >= l.CommandBytesMax && l.EntryBytesMax <= gib,
		"EntryBytesMax is %d, want CommandBytesMax (%d) to %d", l.EntryBytesMax, l.CommandBytesMax, gib)
	check(l.ResultBytesMax > 0 && l.ResultBytesMax <= gib, "ResultBytesMax is %d, want 1 to %d", l.ResultBytesMax, gib)
	check(l.ExportBytesMax > 0, "ExportBytesMax is %d, want more than 0", l.ExportBytesMax)
	check(l.LogBytesMax > 0, "LogBytesMax is %d, want more than 0", l.LogBytesMax)
	check(l.EventBytesMax > 0, "EventBytesMax is %d, want more than 0", l.EventBytesMax)
	check(l.FuelCommandMax > 0 && l.FuelCommandMax <= fuelCeiling, "FuelCommandMax is %d, want 1 to %d", l.FuelCommandMax, int64(fuelCeiling))
	check(l.FuelEntryMax >= l.FuelCommandMax && l.FuelEntryMax <= 2*fuelCeiling,
		"FuelEntryMax is %d, want FuelCommandMax (%d) to %d", l.FuelEntryMax, l.FuelCommandMax, int64(2*fuelCeiling))
	check(l.FuelBase > 0 && l.FuelBase <= fuelCeiling, "FuelBase is %d, want 1 to %d", l.FuelBase, int64(fuelCeiling))
	check(l.FuelPerByte > 0 && l.FuelPerByte <= fuelPerByteCeiling, "FuelPerByte is %d, want 1 to %d", l.FuelPerByte, fuelPerByteCeiling)
	check(l.StackBytesMax >= stackBytesFloor && l.StackBytesMax <= stackBytesCeiling,
		"StackBytesMax is %d, want %d to %d", l.StackBytesMax, stackBytesFloor, stackBytesCeiling)
	return errors.Join(problems...)
}
