package spec

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/wraft/wraft/plugins/wasm"
)

// run is one script in both worlds.
type run struct {
	script  *Script
	written *world
	remade  *world
	report  *Report

	pairs []*pair          // all modules of the script
	named map[string]*pair // by the names of the script
	last  *pair            // the module that commands without a name mean
}

// pair is one module in both worlds, or what keeps it out.
type pair struct {
	written, remade *guest
	refused         string // the reason, if it was left out
}

// Run plays a script and adds to the report. The error means that the run could
// not be made; what the script finds is in the report.
func Run(ctx context.Context, folder string, s *Script, report *Report) (err error) {
	r := &run{script: s, report: report, named: map[string]*pair{}}
	if r.written, err = newWorld(ctx, folder, false); err != nil {
		return err
	}
	if r.remade, err = newWorld(ctx, folder, true); err != nil {
		return errors.Join(err, r.written.close(ctx))
	}
	report.Scripts++
	for i := range s.commands {
		as := ""
		if i+1 < len(s.commands) && s.commands[i+1].Type == "register" {
			as = s.commands[i+1].As
		}
		r.step(ctx, &s.commands[i], as)
	}
	for _, p := range r.pairs {
		if p.refused != "" {
			continue
		}
		r.compare(&command{Type: "end"}, p)
	}
	return errors.Join(r.written.close(ctx), r.remade.close(ctx))
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
	p := &pair{}
	r.last = p
	if c.Name != "" {
		r.named[c.Name] = p
	}
	original, err := r.script.binary(c)
	if err != nil {
		r.fail(c, "%v", err)
		return
	}
	a, err := adapt(original)
	if err != nil {
		p.refused = reason(err)
		r.report.ModulesSkipped[p.refused]++
		return
	}
	var x, y outcome
	if p.written, x, err = r.written.instantiate(ctx, a, as); err != nil {
		p.refused = reasonFailed
		r.fail(c, "as written: %v", err)
		return
	}
	if p.remade, y, err = r.remade.instantiate(ctx, a, as); err != nil || x.trap != "" || y.trap != "" {
		p.refused = reasonFailed
		r.fail(c, "%v as written, %v rewritten (%v)", x, y, err)
		return
	}
	r.report.Modules++
	r.report.shift(p)
	r.pairs = append(r.pairs, p)
	r.compare(c, p)
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
	x, errWritten := perform(ctx, r.written, p.written, c)
	y, errRemade := perform(ctx, r.remade, p.remade, c)
	switch {
	case errWritten != nil || errRemade != nil:
		r.fail(c, "%v as written, %v rewritten", errWritten, errRemade)
	case !c.admits(x, false):
		// A module that was refused shares its state with this one.
		r.report.AssertionsSkipped[reasonShared]++
		if !sameOutcome(x, y) {
			r.fail(c, "%v as written, %v rewritten", x, y)
		}
	case p.written.of.drops && x.trap == trapBounds && y.trap == "":
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
	if err := sameState(p.written, p.remade); err != nil {
		r.fail(c, "%v", err)
	}
}

// perform does what a command says to one guest.
func perform(ctx context.Context, w *world, g *guest, c *command) (outcome, error) {
	if c.Action.Type == "get" {
		global := g.module.ExportedGlobal(c.Action.Field)
		if global == nil {
			return outcome{}, fmt.Errorf("spec: global %q is not exported", c.Action.Field)
		}
		return outcome{results: []uint64{global.Get()}}, nil
	}
	var args []uint64
	for _, v := range c.Action.Args {
		bits, err := v.bits()
		if err != nil {
			return outcome{}, err
		}
		args = append(args, bits)
	}
	return w.invoke(ctx, g, c.Action.Field, args)
}

// admits reports whether an outcome is what the command says; strict is for
// what was rewritten.
func (c *command) admits(o outcome, strict bool) bool {
	switch c.Type {
	case "assert_trap":
		return o.trap == trapText(c.Text) && !o.exhausted
	case "assert_exhaustion":
		return o.trap != "" && o.exhausted
	case "action":
		return o.trap == ""
	}
	if o.trap != "" || len(o.results) != len(c.Expected) {
		return false
	}
	for i, v := range c.Expected {
		if !v.admits(o.results[i], strict) {
			return false
		}
	}
	return true
}

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

func sameOutcome(x, y outcome) bool {
	if x.trap != y.trap || len(x.results) != len(y.results) {
		return false
	}
	for i := range x.results {
		if !sameNumber(x.types[i], x.results[i], y.results[i]) {
			return false
		}
	}
	return true
}

// reject wants a binary refused by the validator or, after the rewriting, by the
// engine; or else that starting it traps as the script says.
func (r *run) reject(ctx context.Context, c *command) {
	if c.ModuleType == "text" {
		r.report.AssertionsSkipped["text format"]++
		return
	}
	original, err := r.script.binary(c)
	if err != nil {
		r.fail(c, "%v", err)
		return
	}
	if _, err := wasm.Read(original, wasm.Limits{}); err != nil {
		r.report.RefusedByValidator++
		r.report.Assertions[c.Type]++
		return
	}
	switch m, err := r.written.runtime.CompileModule(ctx, original); {
	case c.Type == "assert_uninstantiable" || c.Type == "assert_unlinkable":
		r.rejectStart(ctx, c, original)
	case err == nil:
		r.report.AssertionsSkipped[reasonLater]++
		r.check(c, m.Close(ctx))
	default:
		r.rejectCode(ctx, c, original)
	}
}

// rejectStart wants a module that compiles not to start.
func (r *run) rejectStart(ctx context.Context, c *command, original []byte) {
	a, err := adapt(original)
	if err != nil {
		r.fail(c, "%v", err)
		return
	}
	if _, o, err := r.remade.instantiate(ctx, a, ""); err == nil {
		r.fail(c, "it was started: %v", o)
		return
	}
	r.report.Assertions[c.Type]++
}

// rejectCode wants the engine to refuse what was rewritten, as it refuses it as
// it was written.
func (r *run) rejectCode(ctx context.Context, c *command, original []byte) {
	a, err := adapt(original)
	if err != nil {
		r.fail(c, "%v", err)
		return
	}
	m, err := r.remade.compile(ctx, a.binary)
	if err == nil {
		r.fail(c, "it was compiled (%s)", c.Text)
		r.check(c, m.Close(ctx))
		return
	}
	r.report.Assertions[c.Type]++
}

func (r *run) check(c *command, err error) {
	if err != nil {
		r.fail(c, "%v", err)
	}
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
