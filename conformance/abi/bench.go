package abi

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/wraft/wraft/conformance/abi/scenario"
	"github.com/wraft/wraft/plugins"
)

// Figure is the cost of commands in entries of one size. Its JSON is what `wraftd
// plugin bench -o json` prints.
type Figure struct {
	// What was measured: "apply", "query", or "rollback", an entry that is undone.
	What string `json:"what"`
	// Batch is the number of commands in an entry.
	Batch int `json:"batch"`
	// Count is how many commands (queries, entries undone) were measured.
	Count int `json:"count"`
	// NS is the time for each in nanoseconds: the median of the rounds.
	NS int64 `json:"ns"`
	// Fuel is what each spent, in the mean; 0 for queries.
	Fuel int64 `json:"fuel"`
}

// PerSecond is how many of them fit into a second.
func (f Figure) PerSecond() float64 { return float64(time.Second) / float64(max(f.NS, 1)) }

// benchRounds is how many rounds the median is taken of.
const benchRounds = 5

// Bench measures what the subject's commands cost in entries of 1 and of 64, what
// its queries cost, and what it costs to undo an entry. Each figure takes about
// the given time. Errors: a module that is refused or does not start, trouble of
// the host.
func Bench(ctx context.Context, engine *plugins.Engine, s Subject, duration time.Duration) ([]Figure, error) {
	k := &kit{ctx: ctx, engine: engine, subject: s, options: Options{}.withDefaults()}
	k.options.Limits = plugins.Limits{} // those of a cluster
	k.corpus = newCorpus(s, k.options.Seed)
	module, err := engine.Compile(ctx, s.Binary)
	if err != nil {
		return nil, fmt.Errorf("abi: %w", err)
	}
	k.module = module
	var figures []Figure
	for _, measure := range []func(*kit, time.Duration) (Figure, error){
		func(k *kit, d time.Duration) (Figure, error) { return k.benchApply(1, d) },
		func(k *kit, d time.Duration) (Figure, error) { return k.benchApply(batch, d) },
		(*kit).benchQuery, (*kit).benchRollback,
	} {
		f, err := measure(k, duration/benchRounds)
		if err != nil {
			return nil, fmt.Errorf("abi: bench: %w", err)
		}
		figures = append(figures, f)
	}
	return figures, nil
}

// rounds calls one, which does n things, for a time and again, and returns the
// median time of a thing.
func (k *kit) rounds(d time.Duration, n int, one func() error) (ns int64, count int, err error) {
	var all []int64
	for range benchRounds {
		start, done := time.Now(), 0
		for done == 0 || time.Since(start) < d {
			if err := errors.Join(k.ctx.Err(), one()); err != nil {
				return 0, 0, err
			}
			done += n
		}
		all = append(all, time.Since(start).Nanoseconds()/int64(done))
		count += done
	}
	slices.Sort(all)
	return all[len(all)/2], count, nil
}

func (k *kit) benchApply(size int, d time.Duration) (Figure, error) {
	m, err := k.newMachine()
	if err != nil {
		return Figure{}, err
	}
	defer m.close()
	entries := slices.Collect(slices.Chunk(k.corpus.take(max(len(k.corpus.commands), batch), 20), size))
	if last := len(entries) - 1; len(entries[last]) < size {
		entries = entries[:last]
	}
	next, fuel := 0, int64(0)
	ns, count, err := k.rounds(d, size, func() error {
		_, err := m.entry(entries[next%len(entries)]...)
		fuel += m.FuelUsed()
		next++
		return err
	})
	return Figure{What: "apply", Batch: size, Count: count, NS: ns, Fuel: fuel / int64(max(count, 1))}, err
}

func (k *kit) benchQuery(d time.Duration) (Figure, error) {
	m, err := k.newMachine()
	if err != nil {
		return Figure{}, err
	}
	defer m.close()
	next := 0
	ns, count, err := k.rounds(d, 1, func() error {
		_, err := m.Query(k.ctx, k.corpus.queries[next%len(k.corpus.queries)])
		next++
		return err
	})
	return Figure{What: "query", Batch: 1, Count: count, NS: ns}, err
}

// benchRollback lets commands run out of fuel when they have hardly begun, so that
// what is measured is the undoing.
func (k *kit) benchRollback(d time.Duration) (Figure, error) {
	l := k.options.Limits
	m, err := k.newMachine()
	if err != nil {
		return Figure{}, err
	}
	command := k.corpus.commands[0]
	if _, err := m.entry(command); err != nil {
		return Figure{}, err
	}
	l.FuelCommandMax = max(m.FuelUsed()/2, 1)
	m.close()
	if m, err = k.machineWith(k.module, l, seed); err != nil {
		return Figure{}, err
	}
	defer m.close()
	fuel := int64(0)
	ns, count, err := k.rounds(d, 1, func() error {
		results, err := m.entry(command)
		fuel += m.FuelUsed()
		if err == nil && results[0].Status >= 0 {
			err = fmt.Errorf("command %s is not undone with half the fuel it takes: %s", scenario.Show(command), show(results[0]))
		}
		return err
	})
	return Figure{What: "rollback", Batch: 1, Count: count, NS: ns, Fuel: fuel / int64(max(count, 1))}, err
}
