package abi

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/wraft/wraft/conformance/abi/scenario"
	"github.com/wraft/wraft/plugins"
)

func statusName(s int32) string {
	switch s {
	case plugins.StatusTrap:
		return "trap"
	case plugins.StatusLimits:
		return "limits"
	case plugins.StatusMalformed:
		return "malformed"
	case plugins.StatusFuel:
		return "fuel"
	case plugins.StatusStack:
		return "stack"
	}
	return strconv.Itoa(int(s))
}

func (k *kit) start() (string, error) {
	i, err := k.engine.NewInstance(k.ctx, k.module, plugins.InstanceConfig{Seed: seed, Limits: k.options.Limits, Created: scenario.Start})
	var guest *plugins.GuestError
	if errors.As(err, &guest) {
		return "", failed("_initialize must end without a trap, within its fuel; move work out of it", "the machine does not start: %v", guest)
	}
	if err != nil {
		return "", err
	}
	m := &machine{Instance: i, kit: k}
	defer m.close()
	return fmt.Sprintf("%d KiB of memory", i.MemoryBytes()>>10), nil
}

func (k *kit) scenarios() (string, error) {
	if len(k.subject.Scenarios) == 0 {
		return "", skip("there is no scenario")
	}
	steps, failures := 0, []scenario.Failure(nil)
	for _, f := range k.subject.Scenarios {
		m, err := k.newMachine()
		if err != nil {
			return "", err
		}
		found, err := scenario.Play(k.ctx, m.Instance, f)
		m.close()
		if err != nil {
			return "", err
		}
		steps += len(f.Steps)
		failures = append(failures, found...)
	}
	if len(failures) == 0 {
		return fmt.Sprintf("files=%d steps=%d", len(k.subject.Scenarios), steps), nil
	}
	const shown = 20
	text := ""
	for _, f := range failures[:min(shown, len(failures))] {
		text += "\n       " + f.Error()
	}
	return "", failed("mend the machine, or the scenario if that is what is wrong", "%d expectations of %d steps are not met:%s", len(failures), steps, text)
}

// fuel measures each command by itself.
func (k *kit) fuel() (string, error) {
	m, err := k.newMachine()
	if err != nil {
		return "", err
	}
	defer m.close()
	limit, most, total, worst := k.options.Limits.FuelCommandMax, int64(0), int64(0), []byte(nil)
	for _, c := range k.corpus.commands {
		results, err := m.entry(c)
		if err != nil {
			return "", err
		}
		if results[0].Status == plugins.StatusFuel {
			return "", failed("bound the work of a command, for example by answering in pages; or give the machine more fuel",
				"command %s needs more than %d units of fuel", scenario.Show(c), limit)
		}
		k.spent = append(k.spent, Spent{Command: c, Status: results[0].Status, Fuel: m.FuelUsed()})
		total += m.FuelUsed()
		if m.FuelUsed() > most {
			most, worst = m.FuelUsed(), c
		}
	}
	if most == 0 {
		return "", errors.New("abi: no command spent any fuel: the meter does not count")
	}
	return fmt.Sprintf("commands=%d mean=%d most=%d for %s", len(k.corpus.commands), total/int64(len(k.corpus.commands)), most, scenario.Show(worst)), nil
}
