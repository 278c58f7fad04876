package abi

import (
	"context"

	"github.com/wraft/wraft/plugins"
)

// RunLoaded is the check of a name on a module that was loaded as an artefact, which
// Run would make of a module's source by itself.
func RunLoaded(ctx context.Context, engine *plugins.Engine, m *plugins.Module, name string, o Options) (Outcome, error) {
	k := &kit{ctx: ctx, engine: engine, options: o.withDefaults(), module: m}
	k.corpus = newCorpus(k.subject, k.options.Seed)
	for _, c := range checks {
		if c.Name == name {
			outcome := Outcome{Check: c.Name, Why: c.Why}
			return outcome, k.outcome(c, &outcome)
		}
	}
	panic("no check " + name)
}
