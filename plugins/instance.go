package plugins

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/wraft/wraft/plugins/abi"
)

// InstanceConfig describes one machine's instance. All of it but Logger and
// QuickFuelMax is part of the machine's replicated configuration.
type InstanceConfig struct {
	// Machine names the machine in logs.
	Machine string
	// Seed keys every random byte that the machine will ever see. Derive it
	// from cluster and group.
	Seed [32]byte
	// Limits bounds the instance; the zero value takes the Engine's.
	Limits Limits
	// Created is the moment that _initialize sees: that of the entry which
	// created the machine.
	Created Moment
	// Logger gets what the guest logs. Default: the Engine's.
	Logger *slog.Logger
	// Lines gets the same line by line, unless it is nil. Queries on forks call it from
	// goroutines of their own.
	Lines func(LogLine)
	// QuickFuelMax bounds what Quick may spend, in fuel; it bounds how long a query
	// holds up the machine. It is no part of the replicated configuration. Default
	// 10 million, which is 3 to 10 ms.
	QuickFuelMax int64
}

const quickFuelDefault = 10_000_000

// LogLine is one line that a guest logged.
type LogLine struct {
	Index uint64 // of the entry that was applied, or the newest one a query could see
	Level slog.Level
	Text  string // may be no UTF-8
}

// Instance is a running machine. It belongs to one goroutine.
type Instance struct {
	module *Module
	config InstanceConfig
	logger *slog.Logger

	live   *guest  // the machine's state, and what works on it
	shadow *shadow // the state to go back to
	forks  []*Fork // with copies of it, see fork.go

	run      RunID
	memory   memoryHash // of the shadow's memory
	ring     ring       // the newest events
	captures captures
	gathered gathered // calls behind the shadow
	scrubbed int      // the block that is looked at next, see scrub
	calls    int      // that stand, for scrubCalls

	input  []byte  // encoded commands of the current call
	events []Event // of the last Apply
	fuel   int64   // spent in the last Apply
	broken error
}

// NewInstance starts a machine: it instantiates the module and runs its
// _initialize. Errors: *GuestError when the guest fails in there; anything
// else is trouble of this host.
func (e *Engine) NewInstance(ctx context.Context, m *Module, c InstanceConfig) (*Instance, error) {
	i, err := e.newInstance(ctx, m, c)
	if err != nil {
		return nil, err
	}
	if err := i.start(); err != nil {
		return nil, errors.Join(err, i.Close(ctx))
	}
	return i, nil
}

// newInstance makes an instance with a guest of which nothing has run, and an empty
// shadow.
func (e *Engine) newInstance(ctx context.Context, m *Module, c InstanceConfig) (*Instance, error) {
	if m == nil || m.engine != e {
		return nil, errors.New("plugins: the module belongs to another engine")
	}
	if c.Limits == (Limits{}) {
		c.Limits = e.config.Limits
	}
	if err := c.Limits.Validate(); err != nil {
		return nil, err
	}
	c.Limits = c.Limits.withDefaults()
	setDefault(&c.QuickFuelMax, quickFuelDefault)
	i := &Instance{module: m, config: c, logger: c.Logger}
	if i.logger == nil {
		i.logger = e.config.Logger
	}
	if c.Machine != "" {
		i.logger = i.logger.With("machine", c.Machine)
	}
	i.run = m.runID(c.Limits)
	i.ring.bytesMax = eventRingShare * c.Limits.EventBytesMax
	var err error
	if i.shadow, err = newShadow(c.Limits); err == nil {
		i.live, err = i.newGuest(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, i.Close(ctx))
	}
	return i, nil
}

// start runs _initialize.
func (i *Instance) start() error {
	if err := i.initialize(); err != nil {
		return err
	}
	i.live.memory.markAll() // the engine placed the data segments unmarked
	i.checkpoint()
	return nil
}

func (i *Instance) newGuest(ctx context.Context) (*guest, error) {
	return newGuest(ctx, i.module, i.config.Limits, i.config.Seed)
}

func (i *Instance) initialize() error {
	i.live.host.begin(i.config.Created, domainInit, 0)
	l := i.config.Limits
	i.live.host.meter.fill(l.callFuel(l.MemoryBytesMax), l.StackBytesMax)
	f := i.live.module.ExportedFunction(abi.ExportInitialize)
	if f == nil {
		return nil
	}
	err := i.live.call(f)
	i.logOutput(i.live)
	return guestError(abi.ExportInitialize, err)
}

// guestError makes a fault a *GuestError and leaves other errors alone.
func guestError(export string, err error) error {
	var f *fault
	if errors.As(err, &f) {
		return &GuestError{Export: export, Status: f.status, Text: f.text}
	}
	return err
}

// StateHash names the machine's whole state behind the last entry, see
// docs/FORMAT.md. What it costs follows from what has changed since the last time.
// Errors: ErrDamaged, and what broke the instance.
func (i *Instance) StateHash() (StateHash, error) {
	if err := i.settle(); err != nil {
		return StateHash{}, err
	}
	if err := i.scrub(ScrubBlocks); err != nil {
		return StateHash{}, i.breakWith(err)
	}
	return i.hash(), nil
}

// RunID names what runs.
func (i *Instance) RunID() RunID { return i.run }

// MemoryBytes is the present size of the machine's linear memory.
func (i *Instance) MemoryBytes() int64 {
	if i.live == nil {
		return 0
	}
	return int64(i.live.memory.size())
}

// Events returns what the last Apply emitted, in order. The slice is valid
// until the next Apply; the data of an event may be kept.
func (i *Instance) Events() []Event { return i.events }

// EventsAfter returns the events behind a key that are still kept: the newest, up to
// four times Limits.EventBytesMax. complete is false when some behind the key are
// not kept any more. The slice is valid until the next Apply.
func (i *Instance) EventsAfter(key EventKey) (events []Event, complete bool) {
	return i.ring.after(key)
}

// LastEvent is the place of the newest event that the machine has emitted, kept or
// not; zero when there was none.
func (i *Instance) LastEvent() EventKey { return i.ring.last() }

// DroppedEvent is the place of the newest event that is not kept any more; zero when
// all are.
func (i *Instance) DroppedEvent() EventKey { return i.ring.dropped }

// EventBytesMax is how much of events the machine keeps, each counted as Event.Bytes does.
func (i *Instance) EventBytesMax() int { return i.ring.bytesMax }

// Succeed tells an instance which took over another's state, and has emitted nothing
// yet, what the newest event of that one was: no event is kept up to there. It is part
// of the state, so all replicas have to do it at the same entry.
func (i *Instance) Succeed(last EventKey) { i.ring.reset(nil, last) }

// FuelUsed is what the last Apply spent, with what was spent on attempts that
// were undone. Replicas agree on it.
func (i *Instance) FuelUsed() int64 { return i.fuel }

// ready says why the instance can't be used, if so.
func (i *Instance) ready(ctx context.Context) error {
	if i.broken != nil {
		return i.broken
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("plugins: %w", err)
	}
	return nil
}

// breakWith remembers a failure of the host: what the live guest holds is not
// known any more.
func (i *Instance) breakWith(err error) error {
	i.broken = fmt.Errorf("%w: %w", ErrBroken, err)
	return i.broken
}

// Close ends the instance, but for forks that are out. It may be called again.
func (i *Instance) Close(ctx context.Context) error {
	i.captures.closeAll()
	err := errors.Join(i.live.close(ctx), i.closeForks(ctx))
	i.shadow.free()
	i.live, i.shadow, i.events = nil, nil, nil
	i.memory, i.ring, i.gathered = memoryHash{}, ring{}, gathered{}
	if i.broken == nil {
		i.broken = fmt.Errorf("plugins: instance: %w", ErrClosed)
	}
	return err
}

// logOutput hands what a guest logged in its last call to the logger.
func (i *Instance) logOutput(g *guest) {
	lines := g.host.output.finish()
	if len(lines) == 0 {
		return
	}
	at := g.host.moment
	keep := i.config.Lines
	if keep == nil {
		keep = func(LogLine) {}
	}
	for _, l := range lines {
		i.logger.Log(context.Background(), level(l.level), "guest log", "index", at.Index, "text", l.text)
		keep(LogLine{Index: at.Index, Level: level(l.level), Text: l.text})
	}
	if n := g.host.output.dropped; n > 0 {
		i.logger.Warn("guest log over its limit", "index", at.Index, "dropped_bytes", n)
		keep(LogLine{Index: at.Index, Level: slog.LevelWarn, Text: fmt.Sprintf("%d bytes more are over the limit of what one entry may log", n)})
	}
}

func level(l int32) slog.Level {
	switch l {
	case abi.LogDebug:
		return slog.LevelDebug
	case abi.LogWarn:
		return slog.LevelWarn
	case abi.LogError:
		return slog.LevelError
	}
	return slog.LevelInfo
}
