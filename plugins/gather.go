package plugins

import (
	"context"
	"fmt"
)

const (
	// gatherCallsMax bounds the calls that share a checkpoint.
	gatherCallsMax = 256
	// gatherBytesMax is how much of their input is kept before there is one.
	gatherBytesMax = 1 << 20
	// gatherFuelMax is how much fuel they spend before there is one: some tens of
	// milliseconds, which doing them again would take.
	gatherFuelMax = 100_000_000
)

// gathered are the calls that stand and have no checkpoint behind them yet.
//
// Why: a checkpoint looks through the whole dirty map, whatever was changed, and copies
// a block that every call writes to once for each. A replica that catches up need not
// have each state to go back to. When a call fails, those before it are done again from
// the checkpoint: they are deterministic, and their results were taken already.
//
// Invariant: whoever looks at the shadow, or works with the live guest for anything but
// the log, settles first.
type gathered struct {
	on     bool
	most   int // calls that may share a checkpoint: 1 behind a failure, doubled behind each checkpoint
	calls  []gatheredCall
	inputs []byte
	fuel   int64
}

// gatheredCall is what it takes to make a call again.
type gatheredCall struct {
	at       Moment
	position uint32
	end      int // of its input in inputs
	fuel     int64
}

// Gather lets the calls of Apply that follow share checkpoints, until Settle. What they
// do and cost is the same; only the effort is less, and more when one of them fails.
func (i *Instance) Gather() { i.gathered.on = true }

// Settle ends what Gather began. Everything else that an instance can do settles by
// itself what was gathered so far. Errors: ErrDamaged; then the instance is broken.
func (i *Instance) Settle() error {
	i.gathered.on = false
	return i.settle()
}

// keep makes the call that has just ended one that stands.
func (i *Instance) keep(at Moment, position uint32) error {
	g := &i.gathered
	if !g.on {
		i.checkpoint()
		return i.scrubCalls(1)
	}
	used := i.live.host.meter.used()
	g.inputs = append(g.inputs, i.input...)
	g.calls = append(g.calls, gatheredCall{at: at, position: position, end: len(g.inputs), fuel: used})
	g.fuel += used
	if len(g.calls) < g.most && len(g.inputs) < gatherBytesMax && g.fuel < gatherFuelMax {
		return nil
	}
	g.most = min(2*max(g.most, 1), gatherCallsMax)
	return i.settle()
}

// settle makes a checkpoint behind the gathered calls.
func (i *Instance) settle() error {
	g := &i.gathered
	calls := len(g.calls)
	if calls == 0 || i.broken != nil {
		return i.broken
	}
	g.calls, g.inputs, g.fuel = g.calls[:0], g.inputs[:0], 0
	i.checkpoint()
	if err := i.scrubCalls(calls); err != nil {
		return i.breakWith(err)
	}
	return nil
}

// settled is ready for those who need the state behind the last entry as a whole.
func (i *Instance) settled(ctx context.Context) error {
	if err := i.ready(ctx); err != nil {
		return err
	}
	return i.settle()
}

// undo brings the live guest back to where the last call that stands left it.
func (i *Instance) undo() error {
	if err := i.rollback(); err != nil {
		return err
	}
	g := &i.gathered
	g.most = 1
	begin := 0
	for _, c := range g.calls {
		_, err := i.applyInput(c.at, c.position, g.inputs[begin:c.end])
		// Why %v: what the guest does wrong now it did not the first time, so that it is no result.
		if used := i.live.host.meter.used(); err != nil || used != c.fuel {
			return fmt.Errorf("%w: a call of entry %d took %d units of fuel, and %d when it was done again: %v", ErrDamaged, c.at.Index, c.fuel, used, err)
		}
		begin = c.end
	}
	return i.settle()
}
