package abi

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/wraft/wraft/conformance/abi/scenario"
	"github.com/wraft/wraft/plugins"
	"github.com/wraft/wraft/plugins/wasm"
)

// Subject is a module under test.
type Subject struct {
	// Name is for people.
	Name string
	// Binary is the module.
	Binary []byte
	// Scenarios are what its author expects of it, and a source of inputs.
	Scenarios []*scenario.File
	// Commands and Queries are further inputs that it understands. Without any, and
	// without scenarios, the kit makes up inputs, which most machines refuse.
	Commands, Queries [][]byte
	// Old is an earlier version of the module, whose state this one must be able to
	// take over; nil: there is none.
	Old []byte
}

// Options say how hard to look. The zero value is useful.
type Options struct {
	// Seed is where all chance comes from. Default 1.
	Seed uint64
	// Commands is how many commands the longer checks apply. Default 512, at least
	// 64.
	Commands int
	// Fuzz is how many hostile inputs are tried of each kind. Default 256.
	// Streams for wraft_restore are a quarter of that.
	Fuzz int
	// Limits are those of the instances. Default: those of package plugins, with
	// 100 million units of fuel for a command and for other calls besides what
	// their memory allows, so that a loop is met in a fraction of a second.
	Limits plugins.Limits
}

const (
	commandsDefault = 512
	commandsMin     = 64
	fuzzDefault     = 256
	// fuelDefault is some tenths of a second.
	fuelDefault = 100_000_000
)

func (o Options) withDefaults() Options {
	if o.Seed == 0 {
		o.Seed = 1
	}
	if o.Commands == 0 {
		o.Commands = commandsDefault
	}
	o.Commands = max(o.Commands, commandsMin)
	if o.Fuzz == 0 {
		o.Fuzz = fuzzDefault
	}
	if o.Limits.FuelCommandMax == 0 {
		o.Limits.FuelCommandMax = fuelDefault
	}
	if o.Limits.FuelBase == 0 {
		o.Limits.FuelBase = fuelDefault
	}
	return o
}

// Run puts a module through every check. engine compiles and runs it. The error is
// trouble of the host or a context that ended; what is wrong with the module is
// in the Report.
func Run(ctx context.Context, engine *plugins.Engine, s Subject, o Options) (*Report, error) {
	o = o.withDefaults()
	k := &kit{ctx: ctx, engine: engine, subject: s, options: o}
	k.corpus = newCorpus(s, o.Seed)
	report := &Report{Name: s.Name}
	for _, c := range checks {
		if err := ctx.Err(); err != nil {
			return report, fmt.Errorf("abi: %w", err)
		}
		outcome := Outcome{Check: c.Name, Why: c.Why}
		start := time.Now()
		if c.needsModule && k.module == nil {
			outcome.Skipped = "the module is not admitted"
		} else if err := k.outcome(c, &outcome); err != nil {
			return report, fmt.Errorf("abi: check %s: %w", c.Name, err)
		}
		outcome.Took = time.Since(start)
		report.Outcomes = append(report.Outcomes, outcome)
	}
	report.Fuel = k.spent
	return report, nil
}

// outcome runs one check and files what it returned.
func (k *kit) outcome(c Check, o *Outcome) error {
	detail, err := c.run(k)
	var failed *Failure
	var skipped skip
	switch {
	case err == nil:
		o.Detail = detail
	case errors.As(err, &failed):
		o.Failure = failed
	case errors.As(err, &skipped):
		o.Skipped = string(skipped)
	default:
		return err
	}
	return nil
}

// kit is one run over one module.
type kit struct {
	ctx     context.Context
	engine  *plugins.Engine
	subject Subject
	options Options
	corpus  *corpus
	table   *wasm.Module    // the contents of the binary; nil until read
	spent   []Spent         // filled by the check fuel
	module  *plugins.Module // nil until check admitted has passed
}
