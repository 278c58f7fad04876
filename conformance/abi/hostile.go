package abi

import (
	"fmt"

	"github.com/wraft/wraft/conformance/abi/scenario"
	"github.com/wraft/wraft/plugins"
)

// hostileInput gives one machine anything, and a second one only what did not fail
// on the first.
func (k *kit) hostileInput() (string, error) {
	a, b, err := k.pair(k.options.Limits)
	if err != nil {
		return "", err
	}
	defer a.close()
	defer b.close()
	rng, traps, first := k.corpus.rand(16), 0, ""
	for range k.options.Fuzz {
		input := k.corpus.hostile(rng, k.corpus.commands)
		results, err := a.entry(input)
		if err != nil {
			return "", err
		}
		if err := tolerable("command", input, results[0]); err != nil {
			return "", err
		}
		if results[0].Status >= 0 {
			if _, err := b.entry(input); err != nil {
				return "", err
			}
		} else {
			b.skipEntry()
			if traps++; traps == 1 {
				first = fmt.Sprintf(", the first for %s: %s", scenario.Show(input), show(results[0]))
			}
		}
		asked := k.corpus.hostile(rng, k.corpus.queries)
		answer, err := a.Query(k.ctx, asked)
		if err != nil {
			return "", err
		}
		if err := tolerable("query", asked, answer); err != nil {
			return "", err
		}
	}
	if err := agree(a, b); err != nil {
		return "", undoFailure(err, fmt.Sprintf("after %d hostile commands, %d of them undone", k.options.Fuzz, traps))
	}
	return fmt.Sprintf("commands=%d queries=%d traps=%d%s", k.options.Fuzz, k.options.Fuzz, traps, first), nil
}

// tolerable refuses the answers that no input may lead to. A trap is one a machine
// may have: the host undoes it.
func tolerable(what string, input []byte, r plugins.Result) error {
	switch r.Status {
	case plugins.StatusMalformed:
		return failed("check lengths in the input before using them; answer with a status", "%s %s: %s", what, scenario.Show(input), show(r))
	case plugins.StatusFuel, plugins.StatusStack:
		return failed("check lengths and depths in the input before working through them", "%s %s: %s", what, scenario.Show(input), show(r))
	}
	return nil
}
