package spec

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/wraft/wraft/plugins/abi"
	"github.com/wraft/wraft/plugins/plugintest/bare"
	"github.com/wraft/wraft/plugins/wasm"
)

// run is one script in both worlds.
type run struct {
	script  *Script
	written World
	remade  World
	report  *Report

	pairs []*pair          // all modules of the script
	named map[string]*pair // by the names of the script
	last  *pair            // the module that commands without a name mean
}

// pair is one module in both worlds, or what keeps it out.
type pair struct {
	of              *adapted
	written, remade Guest
	refused         string // the reason, if it was left out
}

// Run plays a script in the engine, as written and rewritten, and adds to the
// report. The error means that the run could not be made; what the script finds is
// in the report.
func Run(ctx context.Context, folder string, s *Script, report *Report) error {
	remade, err := newEngine(ctx, folder, true)
	if err != nil {
		return err
	}
	return errors.Join(RunIn(ctx, folder, s, remade, report), remade.Close(ctx))
}

// RunIn is Run with the rewritten modules in a world of the caller's.
func RunIn(ctx context.Context, folder string, s *Script, remade World, report *Report) error {
	written, err := newEngine(ctx, folder, false)
	if err != nil {
		return err
	}
	r := &run{script: s, report: report, written: written, remade: remade, named: map[string]*pair{}}
	report.Scripts++
	for i := range s.commands {
		as := ""
		if i+1 < len(s.commands) && s.commands[i+1].Type == "register" {
			as = s.commands[i+1].As
		}
		r.step(ctx, &s.commands[i], as)
	}
	for _, p := range r.pairs {
		if p.refused == "" {
			r.compare(&command{Type: "end"}, p)
		}
	}
	return written.Close(ctx)
}

// step plays one command; as is the name under which a module is registered.
func (r *run) step(ctx context.Context, c *command, as string) {
	switch c.Type {
	case "module":
		r.module(ctx, c, as)
	case "register": // done with the module before it
	case "assert_return", "action", "assert_trap", "assert_exhaustion":
		r.act(ctx, c)
	case "assert_invalid", "assert_malformed", "assert_unlinkable", "assert_uninstantiable":
		r.reject(ctx, c)
	default:
		r.fail(c, "unknown command %s", c.Type)
	}
}

func (r *run) fail(c *command, format string, args ...any) {
	r.report.fail(fmt.Sprintf("%s:%d %s %s: ", r.script.Name, c.Line, c.Type, c.Action.Field) + fmt.Sprintf(format, args...))
}

// module starts a module in both worlds.
func (r *run) module(ctx context.Context, c *command, as string) {
	p := &pair{refused: reasonFailed}
	r.last = p
	if c.Name != "" {
		r.named[c.Name] = p
	}
	original, err := r.script.binary(c)
	if err != nil {
		r.fail(c, "%v", err)
		return
	}
	if p.of, err = adapt(original); err != nil {
		r.leaveOut(p, err)
		return
	}
	var x, y bare.Outcome
	if p.written, x, err = begin(ctx, r.written, p.of, as); err != nil {
		r.fail(c, "as written: %v", err)
		return
	}
	p.remade, y, err = begin(ctx, r.remade, p.of, as)
	switch {
	case errors.Is(err, ErrLeftOut):
		r.leaveOut(p, err)
	case err != nil || x.Trap != "" || y.Trap != "":
		r.fail(c, "%v as written, %v rewritten (%v)", x, y, err)
	default:
		p.refused = ""
		r.report.Modules++
		r.report.shift(p)
		r.pairs = append(r.pairs, p)
		r.compare(c, p)
	}
}

func (r *run) leaveOut(p *pair, err error) {
	p.refused = reason(err)
	r.report.ModulesSkipped[p.refused]++
}

// act makes a call, or reads a global, in both worlds.
func (r *run) act(ctx context.Context, c *command) {
	p := r.last
	if c.Action.Module != "" {
		p = r.named[c.Action.Module]
	}
	if p == nil || p.refused != "" {
		r.report.skip(c, p)
		return
	}
	x, errWritten := perform(ctx, p.written, c)
	y, errRemade := perform(ctx, p.remade, c)
	switch {
	case errWritten != nil || errRemade != nil:
		r.fail(c, "%v as written, %v rewritten", errWritten, errRemade)
	case !c.admits(x, false):
		// A module that was refused shares its state with this one.
		r.report.AssertionsSkipped[reasonShared]++
		if !sameOutcome(x, y) {
			r.fail(c, "%v as written, %v rewritten", x, y)
		}
	case p.of.drops && x.Trap == trapBounds && y.Trap == "":
		p.refused = reasonDropped // from here on the two may differ
		r.report.skip(c, p)
		return
	case !c.admits(y, true):
		r.fail(c, "want %v; %v as written, %v rewritten", c.Expected, x, y)
	default:
		r.report.Assertions[c.Type]++
	}
	r.compare(c, p)
}

func (r *run) compare(c *command, p *pair) {
	if err := sameState(p.of, p.written, p.remade); err != nil {
		r.fail(c, "%v", err)
	}
}

// perform does what a command says to one guest.
func perform(ctx context.Context, g Guest, c *command) (bare.Outcome, error) {
	if c.Action.Type == "get" {
		t, bits, ok := g.Global(c.Action.Field)
		if !ok {
			return bare.Outcome{}, fmt.Errorf("spec: global %q is not exported", c.Action.Field)
		}
		return bare.Outcome{Results: []uint64{bits}, Types: []abi.ValueType{t}}, nil
	}
	var args []uint64
	for _, v := range c.Action.Args {
		bits, err := v.bits()
		if err != nil {
			return bare.Outcome{}, err
		}
		args = append(args, bits)
	}
	return g.Invoke(ctx, c.Action.Field, args...)
}

// admits reports whether an outcome is what the command says; strict is for
// what was rewritten.
func (c *command) admits(o bare.Outcome, strict bool) bool {
	switch c.Type {
	case "assert_trap":
		return o.Trap == trapText(c.Text) && !o.Exhausted
	case "assert_exhaustion":
		return o.Trap != "" && o.Exhausted
	case "action":
		return o.Trap == ""
	}
	if o.Trap != "" || len(o.Results) != len(c.Expected) {
		return false
	}
	for i, v := range c.Expected {
		if !v.admits(o.Results[i], strict) {
			return false
		}
	}
	return true
}

const trapBounds = "out of bounds memory access"

// trapText is the engine's name of a trap of the scripts.
func trapText(text string) string {
	switch {
	case text == "indirect call":
		return "indirect call type mismatch"
	case strings.HasPrefix(text, "undefined"), strings.HasPrefix(text, "uninitialized"), text == "out of bounds table access":
		return "invalid table access"
	}
	return text
}

func sameOutcome(x, y bare.Outcome) bool {
	if x.Trap != y.Trap || len(x.Results) != len(y.Results) {
		return false
	}
	for i := range x.Results {
		if !bare.EqualNaN(x.Types[i], x.Results[i], y.Results[i]) {
			return false
		}
	}
	return true
}

// Reasons besides the validator's rules for which something is left out.
const (
	reasonFailed  = "failed before"
	reasonDropped = "after a data.drop, which the pass leaves out (plugins/instrument says why)"
	reasonLater   = "valid in a later version"
	reasonShared  = "shares state with what was left out"
)

// reason sorts a refusal.
func reason(err error) string {
	var f *wasm.Refusal
	if !errors.As(err, &f) {
		return err.Error()
	}
	if f.Rule == wasm.RuleFeature {
		return "feature: " + f.What
	}
	return string(f.Rule) + ": " + f.Why
}
