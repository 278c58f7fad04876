package measure

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/wraft/wraft/plugins"
	"github.com/wraft/wraft/plugins/plugintest/guests"
)

// Compile is what it takes until a machine runs.
type Compile struct {
	Language string
	// SourceBytes and ArtefactBytes are the sizes of the module as it was uploaded
	// and as it runs.
	SourceBytes, ArtefactBytes int
	// Prepare validates and rewrites, Cold compiles, Cached takes the compiled code
	// from the cache on disk, Start makes an instance and runs its _initialize.
	Prepare, Cold, Cached, Start Figure
}

// compileRounds is how often each step is done; cold compilations take seconds.
const compileRounds = 3

// Compiles measures all machines.
func Compiles(ctx context.Context, built []guests.Guest) ([]Compile, error) {
	var out []Compile
	for _, g := range built {
		c := Compile{Language: g.Language, SourceBytes: len(g.Binary)}
		samples := map[string][]float64{}
		for range compileRounds {
			if err := c.round(ctx, g, samples); err != nil {
				return nil, fmt.Errorf("%s: %w", g.Language, err)
			}
		}
		c.Prepare, c.Cold, c.Cached, c.Start = figure(samples["prepare"]), figure(samples["cold"]), figure(samples["cached"]), figure(samples["start"])
		out = append(out, c)
	}
	return out, nil
}

// round takes every step once.
func (c *Compile) round(ctx context.Context, g guests.Guest, samples map[string][]float64) error {
	dir, err := os.MkdirTemp("", "measure")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	step := func(name string, f func() error) error {
		t, err := taken(work{name, func(int) error { return f() }}, 1)
		samples[name] = append(samples[name], float64(t))
		return err
	}
	var a *plugins.Artefact
	if err := step("prepare", func() (err error) { a, err = plugins.Prepare(g.Binary, plugins.Limits{}); return err }); err != nil {
		return err
	}
	c.ArtefactBytes = len(a.Binary)
	for _, name := range []string{"cold", "cached"} {
		e, err := plugins.NewEngine(plugins.Config{CacheDir: dir})
		if err != nil {
			return err
		}
		var m *plugins.Module
		err = step(name, func() (err error) { m, err = e.Load(ctx, a.Binary); return err })
		if err == nil && name == "cached" {
			err = step("start", func() error { return started(ctx, e, m) })
		}
		if err = errors.Join(err, e.Close(ctx)); err != nil {
			return err
		}
	}
	return nil
}

func started(ctx context.Context, e *plugins.Engine, m *plugins.Module) error {
	i, err := e.NewInstance(ctx, m, plugins.InstanceConfig{})
	if err != nil {
		return err
	}
	return i.Close(ctx)
}
