package abi

import (
	"bytes"
	"fmt"

	"github.com/wraft/wraft/conformance/abi/scenario"
	"github.com/wraft/wraft/plugins"
)

// bufferBytesMin is the size of input that every machine must take.
const bufferBytesMin = 64 << 10

func (k *kit) alloc() (string, error) {
	m, err := k.newMachine()
	if err != nil {
		return "", err
	}
	defer m.close()
	largest := 0
	most := k.options.Limits.CommandBytesMax
	if most == 0 {
		most = 1 << 20
	}
	for _, n := range []int{0, 1, 15, 4 << 10, bufferBytesMin, most} {
		if n > most {
			continue
		}
		small, err := m.entry(bytes.Repeat([]byte{0xa5}, min(n, 16)))
		if err != nil {
			return "", err
		}
		large, err := m.entry(bytes.Repeat([]byte{0xa5}, n))
		if err != nil {
			return "", err
		}
		switch s := large[0].Status; {
		case s == plugins.StatusMalformed,
			s == plugins.StatusTrap && small[0].Status != plugins.StatusTrap,
			s == plugins.StatusLimits && n <= bufferBytesMin:
			return "", failed("return the address of a buffer of at least the size asked for, inside of memory, grown if need be",
				"a command of %d bytes ends in %s", n, show(large[0]))
		case s == plugins.StatusLimits:
		default:
			largest = n
		}
	}
	return fmt.Sprintf("largest=%d bytes", largest), nil
}

// batch is the number of commands that the framing is tried with, besides 0 and 1.
const batch = 64

func (k *kit) framing() (string, error) {
	a, b, err := k.pair(k.options.Limits)
	if err != nil {
		return "", err
	}
	defer a.close()
	defer b.close()
	commands := k.corpus.take(batch, 1)
	all, err := a.entry(commands...)
	if err != nil {
		return "", err
	}
	for n, r := range all {
		if r.Status == plugins.StatusMalformed {
			return "", failed("answer with one result for each command, i32 status, u32 length and the bytes, and nothing behind the last",
				"command %d of %d, %s: %s", n+1, batch, scenario.Show(commands[n]), show(r))
		}
	}
	before, err := a.StateHash()
	if err != nil {
		return "", err
	}
	if none, err := a.entry(); err != nil || len(none) != 0 {
		return "", fmt.Errorf("abi: an entry without commands gave %d results: %w", len(none), err)
	}
	if after, err := a.StateHash(); err != nil || after != before {
		return "", orFailed(err, "change nothing for an entry without commands", "an entry without commands changed the state")
	}
	var singles []plugins.Result
	for _, c := range commands {
		one, err := b.entry(c)
		if err != nil {
			return "", err
		}
		singles = append(singles, one...)
	}
	if sensitive, err := k.sensitive(commands, singles); err != nil || sensitive {
		return fmt.Sprintf("batches of 0, 1 and %d; answers depend on time, index or chance, so they were not compared", batch), err
	}
	if !sameResults(all, singles) {
		n, x, y := firstDifference(all, singles)
		return "", failed("treat each command by itself: keep nothing from one to the next but the state",
			"command %d, %s, answers %s in an entry of %d and %s in one of its own", n+1, scenario.Show(commands[n]), show(x), batch, show(y))
	}
	return fmt.Sprintf("batches of 0, 1 and %d", batch), nil
}

// sensitive reports whether commands given one at a time answer otherwise at
// other times, indexes and with other random bytes than they did.
func (k *kit) sensitive(commands [][]byte, answers []plugins.Result) (bool, error) {
	m, err := k.machineWith(k.module, k.options.Limits, [32]byte{9})
	if err != nil {
		return false, err
	}
	defer m.close()
	m.at = plugins.Moment{Index: 1 << 20, Time: 1 << 40}
	for n, c := range commands {
		m.skipEntry()
		one, err := m.entry(c)
		if err != nil {
			return false, err
		}
		if !sameResults(one, answers[n:n+1]) {
			return true, nil
		}
	}
	return false, nil
}

// boundedOutput gives the machine less room for results than its largest takes.
func (k *kit) boundedOutput() (string, error) {
	m, err := k.newMachine()
	if err != nil {
		return "", err
	}
	commands := k.corpus.take(batch, 2)
	results, err := m.singles(commands)
	m.close()
	if err != nil {
		return "", err
	}
	largest := 0
	for _, r := range results {
		if r.Status >= 0 {
			largest = max(largest, len(r.Data))
		}
	}
	if largest == 0 {
		return "", skip("no command has an answer")
	}
	return k.overLimit(commands, largest)
}

// singles applies each command as an entry of its own.
func (m *machine) singles(commands [][]byte) (out []plugins.Result, err error) {
	for _, c := range commands {
		one, err := m.entry(c)
		if err != nil {
			return nil, err
		}
		out = append(out, one...)
	}
	return out, nil
}

// resultHeader is the framing of one result.
const resultHeader = 8

// overLimit applies commands with room for less than the largest answer: what is
// over must have had no effect.
func (k *kit) overLimit(commands [][]byte, largest int) (string, error) {
	l := k.options.Limits
	l.ResultBytesMax = resultHeader + largest - 1
	a, b, err := k.pair(l)
	if err != nil {
		return "", err
	}
	defer a.close()
	defer b.close()
	refused := 0
	for _, c := range commands {
		one, err := a.entry(c)
		if err != nil {
			return "", err
		}
		if one[0].Status < 0 {
			refused++
			b.skipEntry()
			continue
		}
		if _, err := b.entry(c); err != nil {
			return "", err
		}
	}
	if refused == 0 {
		return "", failed("answer commands alike whatever limits the machine has", "with room for %d bytes no answer was over it, though one had %d bytes before", l.ResultBytesMax, largest)
	}
	if err := agree(a, b); err != nil {
		return "", undoFailure(err, "after answers over the limit")
	}
	return fmt.Sprintf("largest=%d bytes, over=%d", largest, refused), nil
}
