package cli

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/internal/nodeconfig"
)

// limitFlag is one limit of a machine: its flag, how problems name it, and how
// machines show prints it.
type limitFlag struct {
	flag, limit, title, help string
	fuel                     bool // a count, not a size
	field                    func(*client.MachineLimits) *uint64
}

// limitFlags are all limits, in the order in which they are shown.
var limitFlags = []limitFlag{
	{"memory", "memory_bytes", "memory limit", "most memory of the machine; it counts twice on each node", false, func(l *client.MachineLimits) *uint64 { return &l.MemoryBytes }},
	{"command-bytes", "command_bytes", "command limit", "longest command of the machine", false, func(l *client.MachineLimits) *uint64 { return &l.CommandBytes }},
	{"entry-bytes", "entry_bytes", "entry limit", "most bytes of commands applied together", false, func(l *client.MachineLimits) *uint64 { return &l.EntryBytes }},
	{"result-bytes", "result_bytes", "result limit", "longest answer", false, func(l *client.MachineLimits) *uint64 { return &l.ResultBytes }},
	{"export-bytes", "export_bytes", "export limit", "most bytes of the machine's snapshot export", false, func(l *client.MachineLimits) *uint64 { return &l.ExportBytes }},
	{"log-bytes", "log_bytes", "log limit", "most text logged by one call", false, func(l *client.MachineLimits) *uint64 { return &l.LogBytes }},
	{"event-bytes", "event_bytes", "event limit", "most bytes emitted by one call", false, func(l *client.MachineLimits) *uint64 { return &l.EventBytes }},
	{"stack", "stack_bytes", "stack limit", "most stack of one call", false, func(l *client.MachineLimits) *uint64 { return &l.StackBytes }},
	{"fuel", "fuel_command", "fuel of a command", "what one command may spend, as in 5000M", true, func(l *client.MachineLimits) *uint64 { return &l.FuelCommand }},
	{"fuel-entry", "fuel_entry", "fuel of an entry", "what commands applied together may spend", true, func(l *client.MachineLimits) *uint64 { return &l.FuelEntry }},
	{"fuel-base", "fuel_base", "fuel base", "what other calls may spend", true, func(l *client.MachineLimits) *uint64 { return &l.FuelBase }},
	{"fuel-per-byte", "fuel_per_byte", "fuel per byte", "and for each byte of memory", true, func(l *client.MachineLimits) *uint64 { return &l.FuelPerByte }},
}

// addLimitFlags adds a flag for each limit; what is left out is as orElse says.
func addLimitFlags(cmd *cobra.Command, orElse string) *client.MachineLimits {
	l := &client.MachineLimits{}
	for _, f := range limitFlags {
		cmd.Flags().Var(limitValue{f.field(l), f.fuel}, f.flag, fmt.Sprintf("%s (default: %s)", f.help, orElse))
	}
	return l
}

// nameFlag tells who gave a limit that cannot be which flag to change.
func nameFlag(err error) error {
	var p *client.Problem
	if !errors.As(err, &p) || p.Limit == "" {
		return err
	}
	for _, f := range limitFlags {
		if f.limit == p.Limit {
			p.Detail = fmt.Sprintf("--%s: %s", f.flag, p.Detail)
			return err
		}
	}
	return err
}

// limitRows is a line for each limit that is known.
func limitRows(l client.MachineLimits) (rows [][]any) {
	for _, f := range limitFlags {
		if n := *f.field(&l); n != 0 {
			rows = append(rows, []any{f.title, limitValue{&n, f.fuel}.String()})
		}
	}
	return rows
}

// limitValue is a limit as a flag: a size such as 64MiB, or a count such as 5000M.
type limitValue struct {
	value *uint64
	fuel  bool
}

// countUnits are the endings of counts, the largest first.
var countUnits = []struct {
	suffix string
	unit   uint64
}{{"G", 1_000_000_000}, {"M", 1_000_000}, {"k", 1000}, {"", 1}}

// Set reads the flag's text. 0 is no limit that could be asked for.
func (v limitValue) Set(text string) error {
	n, err := parseCount(text)
	if !v.fuel {
		var size nodeconfig.Size
		size, err = nodeconfig.ParseSize(text)
		n = uint64(size)
	}
	if err == nil && n == 0 {
		err = errors.New("want more than 0; leave the flag out for the default")
	}
	if err == nil {
		*v.value = n
	}
	return err
}

func parseCount(text string) (uint64, error) {
	for _, u := range countUnits {
		digits, ok := strings.CutSuffix(strings.TrimSpace(text), u.suffix)
		if !ok {
			continue
		}
		n, err := strconv.ParseUint(digits, 10, 64)
		if err != nil || n > math.MaxInt64/u.unit {
			break
		}
		return n * u.unit, nil
	}
	return 0, fmt.Errorf("count %.40q: want a whole number, or one and k, M or G, as in 5000M", text)
}

// String is "" for no limit, so that the help shows no default.
func (v limitValue) String() string {
	switch {
	case v.value == nil || *v.value == 0:
		return ""
	case !v.fuel:
		return nodeconfig.Size(*v.value).String()
	}
	for _, u := range countUnits {
		if *v.value%u.unit == 0 {
			return strconv.FormatUint(*v.value/u.unit, 10) + u.suffix
		}
	}
	return ""
}

// Type is the word the help shows.
func (v limitValue) Type() string {
	if v.fuel {
		return "count"
	}
	return "size"
}
