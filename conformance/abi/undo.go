package abi

import (
	"errors"
	"fmt"
	"slices"

	"github.com/wraft/wraft/conformance/abi/scenario"
	"github.com/wraft/wraft/plugins"
)

// roomBytes is how much a machine may grow in the checks that exhaust its memory.
const roomBytes = 32 << 20

// pageBytes is the unit of linear memory.
const pageBytes = 64 << 10

// crowded are limits under which a command can be larger than all memory: one that
// no module can take in, whatever its language, so that it must fail.
func (k *kit) crowded() (l plugins.Limits, guilty []byte, err error) {
	m, err := k.newMachine()
	if err != nil {
		return l, nil, err
	}
	l = k.options.Limits
	l.MemoryBytesMax = (m.MemoryBytes() + roomBytes + pageBytes - 1) / pageBytes * pageBytes
	m.close()
	l.CommandBytesMax = int(l.MemoryBytesMax) + 1
	l.EntryBytesMax = 3*l.CommandBytesMax + 1<<20
	return l, make([]byte, l.CommandBytesMax), nil
}

// guilty puts a command that must fail among others.
func (k *kit) guilty() (string, error) {
	l, bad, err := k.crowded()
	if err != nil {
		return "", err
	}
	commands := k.corpus.take(batch, 3)
	for _, places := range [][]int{{0}, {batch / 2}, {5, batch - 1}} {
		if err := k.guiltyAt(l, bad, commands, places); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("entries of %d with 1 and 2 guilty commands", batch), nil
}

// guiltyAt compares an entry with guilty commands with one without.
func (k *kit) guiltyAt(l plugins.Limits, bad []byte, commands [][]byte, places []int) error {
	a, b, err := k.pair(l)
	if err != nil {
		return err
	}
	defer a.close()
	defer b.close()
	mixed := append([][]byte(nil), commands...)
	for _, p := range places {
		mixed[p] = bad
	}
	got, err := a.entry(mixed...)
	if err != nil {
		return err
	}
	var others []plugins.Result
	var honest [][]byte
	for n, r := range got {
		isBad := len(mixed[n]) == len(bad)
		if isBad && r.Status >= 0 {
			return failed("wraft_alloc must return 0 or trap when there is no memory", "a command larger than all memory was taken: %s", show(r))
		}
		if !isBad {
			others, honest = append(others, r), append(honest, mixed[n])
		}
	}
	want, err := b.singles(honest)
	if err != nil {
		return err
	}
	if sensitive, err := k.sensitive(honest, want); err != nil || sensitive {
		return err
	}
	if !sameResults(others, want) {
		n, x, y := firstDifference(others, want)
		return failed("keep all state in linear memory and globals, and treat each command by itself",
			"next to a command that fails, %s answers %s instead of %s", scenario.Show(honest[n]), show(x), show(y))
	}
	return nil
}

// undo lets commands fail between others; the machine must become what it becomes
// without them.
func (k *kit) undo() (string, error) {
	l, bad, err := k.crowded()
	if err != nil {
		return "", err
	}
	a, b, err := k.pair(l)
	if err != nil {
		return "", err
	}
	defer a.close()
	defer b.close()
	undone := 0
	for n, e := range k.entries(k.options.Commands, 4) {
		if n%undoEvery == 0 {
			results, err := a.entry(bad)
			if err != nil {
				return "", err
			}
			if results[0].Status >= 0 {
				return "", failed("wraft_alloc must return 0 or trap when there is no memory", "a command larger than all memory was taken")
			}
			b.skipEntry()
			undone++
		}
		if err := same(a, b, e); err != nil {
			return "", undoFailure(err, fmt.Sprintf("after %d commands that were undone", undone))
		}
	}
	return fmt.Sprintf("commands=%d undone=%d", k.options.Commands, undone), nil
}

// undoEvery is how many entries lie between commands that fail; each of those
// passes tens of megabytes.
const undoEvery = 4

// same applies an entry to both machines and compares all there is.
func same(a, b *machine, commands [][]byte) error {
	x, err := a.entry(commands...)
	if err != nil {
		return err
	}
	y, err := b.entry(commands...)
	if err != nil {
		return err
	}
	if !sameResults(x, y) {
		n, p, q := firstDifference(x, y)
		return fmt.Errorf("%w: command %s answers %s on one and %s on the other", errDiffer, scenario.Show(commands[n]), show(p), show(q))
	}
	if a.FuelUsed() != b.FuelUsed() {
		return fmt.Errorf("%w: an entry of %d commands took %d units of fuel on one and %d on the other", errDiffer, len(commands), a.FuelUsed(), b.FuelUsed())
	}
	return agree(a, b)
}

// undoFailure makes a difference between machines the author's to mend.
func undoFailure(err error, when string) error {
	if !errors.Is(err, errDiffer) {
		return err
	}
	return failed("keep all state in linear memory and mutable globals; if that is so, report it: the host must undo everything",
		"%s: %v", when, err)
}

// cutOff gives a machine so little fuel that commands end in their middle, each at
// another place, and a second machine only those that came to their end.
func (k *kit) cutOff() (string, error) {
	commands := k.corpus.take(k.options.Commands/4, 17)
	spent, err := k.fuelOf(commands)
	if err != nil {
		return "", err
	}
	cut := 0
	for _, part := range []int{4, 2, 1} {
		l := k.options.Limits
		l.FuelCommandMax = max(spent[(len(spent)-1)/part]-1, 1)
		l.FuelEntryMax = 0 // follows from that of a command
		n, err := k.cutOffAt(l, commands)
		if err != nil {
			return "", err
		}
		cut += n
	}
	if cut == 0 {
		return "", errors.New("abi: no command was cut off with less fuel than it spends")
	}
	return fmt.Sprintf("commands=%d cut=%d", 3*len(commands), cut), nil
}

// fuelOf is what each command spends, ascending.
func (k *kit) fuelOf(commands [][]byte) ([]int64, error) {
	m, err := k.newMachine()
	if err != nil {
		return nil, err
	}
	defer m.close()
	var spent []int64
	for _, c := range commands {
		if _, err := m.entry(c); err != nil {
			return nil, err
		}
		spent = append(spent, m.FuelUsed())
	}
	slices.Sort(spent)
	return spent, nil
}

// cutOffAt applies all commands to one machine, and those that come to their end
// there to another; it returns how many did not.
func (k *kit) cutOffAt(l plugins.Limits, commands [][]byte) (cut int, err error) {
	a, b, err := k.pair(l)
	if err != nil {
		return 0, err
	}
	defer a.close()
	defer b.close()
	for n, c := range commands {
		one, err := a.entry(c)
		if err != nil {
			return 0, err
		}
		if one[0].Status < 0 {
			cut++
			b.skipEntry()
			continue
		}
		two, err := b.entry(c)
		if err != nil {
			return 0, err
		}
		if !sameResults(one, two) {
			return 0, failed("keep all state in linear memory and mutable globals", "command %d, %s, answers %s instead of %s after %d commands that were cut off",
				n+1, scenario.Show(c), show(one[0]), show(two[0]), cut)
		}
	}
	if err := agree(a, b); err != nil {
		return 0, undoFailure(err, fmt.Sprintf("after %d commands that were cut off", cut))
	}
	return cut, nil
}
