package node

import (
	"errors"
	"testing"

	"github.com/wraft/wraft/plugins"
)

// TestLimitsAreFilledInFull: what a record says must not depend on a default.
func TestLimitsAreFilledInFull(t *testing.T) {
	l, err := MachineLimits{}.fill(256*mib, mib)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range l.fields(256*mib, mib) {
		if *f.value == 0 {
			t.Errorf("%s is left to a default", f.name)
		}
	}
	if l.plugin().Full() != (func() plugins.Limits {
		p := l.plugin()
		p.ModuleBytesMax = plugins.Limits{}.Full().ModuleBytesMax
		return p
	})() {
		t.Errorf("an instance would fill in more: %+v", l)
	}
	if l.MemoryBytes != 256*mib || l.CommandBytes != mib || l.EntryBytes != 4*mib || l.FuelEntry != 2*l.FuelCommand {
		t.Errorf("the defaults are %+v", l)
	}
	if again, err := l.fill(256*mib, mib); err != nil || again != l {
		t.Errorf("filled again: %+v, %v", again, err)
	}
	if l, err = (MachineLimits{FuelCommand: 7, CommandBytes: 7}).fill(256*mib, mib); err != nil || l.FuelEntry != 14 || l.CommandBytes != 7 {
		t.Errorf("some given: %+v, %v", l, err)
	}
}

// TestMemoryBeyondTheEngine: a cluster may allow more than a machine can have.
func TestMemoryBeyondTheEngine(t *testing.T) {
	l, err := MachineLimits{}.fill(1<<40, mib)
	if err != nil || l.plugin().Validate() != nil || l.MemoryBytes != uint64(plugins.MemoryBytesCeiling) {
		t.Errorf("the default is %d, %v, %v", l.MemoryBytes, err, l.plugin().Validate())
	}
	var refused *LimitError
	if _, err := (MachineLimits{MemoryBytes: l.MemoryBytes + 1}).fill(1<<40, mib); !errors.As(err, &refused) || refused.Max != l.MemoryBytes {
		t.Errorf("one byte more: %v", err)
	}
}

// TestLimitsAtTheirRanges: what the node allows an instance takes, and what it
// refuses it names.
func TestLimitsAtTheirRanges(t *testing.T) {
	const memoryMax, commandMax = 4 * gib, 8 * mib
	blank := MachineLimits{}
	for i, f := range blank.fields(memoryMax, commandMax) {
		set := func(v uint64) (MachineLimits, error) {
			var l MachineLimits
			*l.fields(memoryMax, commandMax)[i].value = v
			return l.fill(memoryMax, commandMax)
		}
		full, err := set(0)
		if err != nil {
			t.Fatal(err)
		}
		bounds := full.fields(memoryMax, commandMax)[i]
		for _, v := range []uint64{bounds.low, bounds.high} {
			l, err := set(v)
			if f.name == "fuel_command" && v == bounds.high { // its entry needs twice as much, which is the most there is
				l.FuelEntry = 2 * fuelCeiling
			}
			if err == nil {
				err = l.plugin().Validate()
			}
			if err != nil {
				t.Errorf("%s at %d: %v", f.name, v, err)
			}
		}
		for _, v := range []uint64{bounds.low - 1, bounds.high + 1} {
			var refused *LimitError
			if v == 0 {
				continue // the default
			}
			if _, err := set(v); !errors.As(err, &refused) || refused.Limit != f.name || refused.Value != v {
				t.Errorf("%s at %d: %v", f.name, v, err)
			}
		}
	}
	var refused *LimitError
	if _, err := (MachineLimits{FuelCommand: 10, FuelEntry: 9}).fill(memoryMax, commandMax); !errors.As(err, &refused) || refused.Limit != "fuel_entry" || refused.Min != 10 {
		t.Errorf("an entry that may spend less than a command: %v", err)
	}
}
