package abi

import (
	"errors"
	"fmt"

	"github.com/wraft/wraft/conformance/abi/scenario"
	"github.com/wraft/wraft/plugins"
)

func (k *kit) replay() (string, error) {
	a, b, err := k.pair(k.options.Limits)
	if err != nil {
		return "", err
	}
	defer a.close()
	defer b.close()
	entries := k.entries(k.options.Commands, 5)
	for n, e := range entries {
		if err := same(a, b, e); err != nil {
			return "", replayFailure(err, fmt.Sprintf("entry %d of %d", n+1, len(entries)))
		}
	}
	return fmt.Sprintf("commands=%d entries=%d", k.options.Commands, len(entries)), nil
}

func replayFailure(err error, when string) error {
	if !errors.Is(err, errDiffer) {
		return err
	}
	return failed("let nothing but state, command, log time and the host's random bytes decide; if that is so, report it: the host must see to it",
		"two machines with the same log differ at %s: %v", when, err)
}

// timeAndChance moves the log's time in unusual ways, and lets the world around
// one of two machines differ.
func (k *kit) timeAndChance() (string, error) {
	a, b, err := k.pair(k.options.Limits)
	if err != nil {
		return "", err
	}
	defer a.close()
	defer b.close()
	rng := k.corpus.rand(6)
	for n, e := range k.entries(k.options.Commands/2, 6) {
		// Forwards, far forwards, and sometimes back, which the host must hide.
		a.at.Time += rng.Int64N(1<<uint(rng.IntN(50))+1) - 1000
		b.at.Time = a.at.Time
		a.at.WallTime, b.at.WallTime = int64(n), -int64(n)<<32
		if err := same(a, b, e); err != nil {
			return "", replayFailure(err, fmt.Sprintf("entry %d", n+1))
		}
	}
	commands := k.corpus.take(batch, 7)
	m, err := k.newMachine()
	if err != nil {
		return "", err
	}
	defer m.close()
	answers, err := m.singles(commands)
	if err != nil {
		return "", err
	}
	sensitive, err := k.sensitive(commands, answers)
	if err != nil || sensitive {
		return "answers depend on the log's time, index or random bytes, and on nothing else", err
	}
	return "answers depend on neither", nil
}

// query asks one of two machines and not the other.
func (k *kit) query() (string, error) {
	a, b, err := k.pair(k.options.Limits)
	if err != nil {
		return "", err
	}
	defer a.close()
	defer b.close()
	rng, asked := k.corpus.rand(8), 0
	for n, e := range k.entries(k.options.Commands/2, 8) {
		for range 4 {
			q := k.corpus.queries[rng.IntN(len(k.corpus.queries))]
			if err := a.ask(q); err != nil {
				return "", err
			}
			asked++
		}
		if _, err := a.exported(); err != nil {
			return "", err
		}
		if err := same(a, b, e); err != nil {
			return "", replayFailure(err, fmt.Sprintf("entry %d, after %d queries of one of them", n+1, asked))
		}
	}
	return fmt.Sprintf("queries=%d", asked), nil
}

// ask asks twice: nothing has happened in between.
func (m *machine) ask(q []byte) error {
	before, err := m.StateHash()
	if err != nil {
		return err
	}
	first, err := m.Query(m.kit.ctx, q)
	if err != nil {
		return err
	}
	second, err := m.Query(m.kit.ctx, q)
	if err != nil {
		return err
	}
	after, err := m.StateHash()
	switch {
	case err != nil:
		return err
	case first.Status == plugins.StatusMalformed:
		return failed("answer a query with one result, i32 status, u32 length and the bytes", "query %s: %s", scenario.Show(q), show(first))
	case before != after:
		return failed("report it: a host must not let a query change the state", "query %s changed the state", scenario.Show(q))
	case !sameResults([]plugins.Result{first}, []plugins.Result{second}):
		return failed("let a query depend on the state alone, not on earlier queries",
			"query %s answers %s, and at once again %s", scenario.Show(q), show(first), show(second))
	}
	return nil
}
