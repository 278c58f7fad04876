package plugins

import (
	"context"
	"errors"
	"fmt"
)

// Apply runs the commands of one entry through the machine and returns one
// result for each, in order. Entries must come in log order.
//
// All commands go in one call. When that call traps, breaks the ABI or exceeds
// a limit, its effects are undone and the commands are applied one at a time,
// so that only the guilty ones get a negative status. The outcome depends on
// the entry and the state alone.
//
// The error is nil for whatever the guest does. Otherwise it is trouble of
// this host, the instance is broken (ErrBroken), and nothing may be concluded
// about the entry; a context that had ended before is the exception: nothing
// has happened then.
func (i *Instance) Apply(ctx context.Context, at Moment, commands [][]byte) ([]Result, error) {
	if err := i.ready(ctx); err != nil {
		return nil, err
	}
	i.events, i.fuel = i.events[:0], 0
	results := make([]Result, 0, len(commands))
	admitted, refusals := i.admit(commands)
	if len(admitted) > 0 {
		var err error
		if results, err = i.applyEntry(at, admitted, results); err != nil {
			return nil, i.breakWith(err)
		}
	}
	if refusals == nil {
		return results, nil
	}
	return merge(results, refusals), nil
}

// admit splits off the commands that are too large to be given to the guest.
// refusals is nil if all are admitted, otherwise it has one result per command,
// with status 0 where the guest's result belongs.
func (i *Instance) admit(commands [][]byte) (admitted [][]byte, refusals []Result) {
	l := i.config.Limits
	fits := entryBytes(commands) <= l.EntryBytesMax
	for k, c := range commands {
		if fits && len(c) <= l.CommandBytesMax {
			if refusals != nil {
				admitted = append(admitted, c)
			}
			continue
		}
		if refusals == nil {
			refusals = make([]Result, len(commands))
			admitted = append(admitted, commands[:k]...)
		}
		text := fmt.Sprintf("the command has %d bytes, the limit is %d", len(c), l.CommandBytesMax)
		if !fits {
			text = fmt.Sprintf("the entry has %d bytes, the limit is %d", entryBytes(commands), l.EntryBytesMax)
		}
		refusals[k] = Result{Status: StatusLimits, Data: []byte(text)}
	}
	if refusals == nil {
		return commands, nil
	}
	return admitted, refusals
}

// merge fills the guest's results into the gaps between refusals.
func merge(results, refusals []Result) []Result {
	for k := range refusals {
		if refusals[k].Status == StatusOK {
			refusals[k], results = results[0], results[1:]
		}
	}
	return refusals
}

func (i *Instance) applyEntry(at Moment, commands [][]byte, results []Result) ([]Result, error) {
	all, err := i.attempt(at, 0, commands, results)
	var f *fault
	if !errors.As(err, &f) {
		return all, err
	}
	if len(commands) == 1 {
		i.logOutput(i.live)
		return append(results, f.result()), i.undo()
	}
	if err := i.undo(); err != nil {
		return nil, err
	}
	for k := range commands {
		one, err := i.attempt(at, uint32(k+1), commands[k:k+1], results)
		if errors.As(err, &f) {
			i.logOutput(i.live)
			one, err = append(results, f.result()), i.undo()
		}
		if err != nil {
			return nil, err
		}
		results = one
	}
	return results, nil
}

func (f *fault) result() Result { return Result{Status: f.status, Data: []byte(f.text)} }

// attempt makes one call of apply and appends its results. A *fault leaves the
// live guest in ruins: roll back.
func (i *Instance) attempt(at Moment, position uint32, commands [][]byte, results []Result) ([]Result, error) {
	i.input = appendEntry(i.input[:0], commands)
	answer, err := i.applyInput(at, position, i.input)
	i.fuel += i.live.host.meter.used()
	if err != nil {
		return nil, err
	}
	results, err = parseResults(answer, len(commands), results)
	if err != nil {
		return nil, err
	}
	before := len(i.events)
	i.events = append(i.events, i.live.host.events...)
	for n := range i.events[before:] {
		i.events[before+n].N = before + n
	}
	i.logOutput(i.live)
	i.ring.push(i.events[before:])
	return results, i.keep(at, position)
}

func (i *Instance) applyInput(at Moment, position uint32, input []byte) ([]byte, error) {
	i.live.host.begin(at, domainApply, position)
	i.live.host.meter.fill(i.config.Limits.entryFuel(input), i.config.Limits.StackBytesMax)
	return i.live.exchange(i.live.apply, input)
}

// checkpoint makes the live state the one to go back to. This is the only place
// where it moves on.
func (i *Instance) checkpoint() {
	i.captures.prune()
	changed := i.shadow.checkpoint(i.live, i.captures.before)
	i.memory.changed(changed, i.shadow.memory)
	for _, f := range i.forks {
		f.outdate(changed)
	}
}

// rollback brings the live guest back to the last checkpoint.
func (i *Instance) rollback() error {
	if !i.shadow.rollback(i.live) {
		// Invariant: the engine takes any size up to the limit, see resize.
		return fmt.Errorf("plugins: the memory of %d bytes cannot be made %d again", i.live.memory.size(), i.shadow.size)
	}
	return nil
}
