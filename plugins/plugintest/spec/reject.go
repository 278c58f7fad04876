package spec

import (
	"context"
	"errors"

	"github.com/wraft/wraft/plugins/wasm"
)

// reject wants a binary refused by the validator or, after the rewriting, by the
// engine; or, where the script says so, that it cannot be started.
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
	if c.Type == "assert_uninstantiable" || c.Type == "assert_unlinkable" {
		r.rejectStart(ctx, c, original)
		return
	}
	if r.written.Compile(ctx, original) == nil {
		r.report.AssertionsSkipped[reasonLater]++
		return
	}
	r.rejectCode(ctx, c, original)
}

// rejectStart wants a module that compiles not to start.
func (r *run) rejectStart(ctx context.Context, c *command, original []byte) {
	a, err := adapt(original)
	if err != nil {
		r.fail(c, "%v", err)
		return
	}
	if _, o, err := begin(ctx, r.remade, a, ""); err == nil {
		r.fail(c, "it was started: %v", o)
		return
	}
	r.report.Assertions[c.Type]++
}

// rejectCode wants the engine to refuse what was rewritten, as it refuses it as it
// was written.
func (r *run) rejectCode(ctx context.Context, c *command, original []byte) {
	a, err := adapt(original)
	if err != nil {
		r.fail(c, "%v", err)
		return
	}
	switch err := r.remade.Compile(ctx, a.binary); {
	case err == nil:
		r.fail(c, "it was compiled (%s)", c.Text)
	case errors.Is(err, ErrLeftOut):
		r.report.AssertionsSkipped[reason(err)]++
	default:
		r.report.Assertions[c.Type]++
	}
}
