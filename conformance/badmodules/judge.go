package badmodules

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/wraft/wraft/plugins"
)

// Report is what came of a case.
type Report struct {
	Name string `json:"name"`
	// Problem is empty when everything was as it must be.
	Problem string `json:"problem,omitempty"`
	// VerdictMS is how long it took to refuse the module, or to compile it, and
	// VerdictCPUMS the processor time of that. Milliseconds.
	VerdictMS    float64 `json:"verdict_ms"`
	VerdictCPUMS float64 `json:"verdict_cpu_ms"`
	// TotalMS is how long the whole case took, in milliseconds.
	TotalMS float64 `json:"total_ms"`
	// PeakMiB is the greatest resident memory of the process, in MiB.
	PeakMiB float64 `json:"peak_mib"`
	// Crashed says that the process did not live to report.
	Crashed bool `json:"crashed,omitempty"`
}

// Judge runs a case in this process.
func Judge(ctx context.Context, c Case) Report {
	r := Report{Name: c.Name}
	start := time.Now()
	if err := judge(ctx, c, &r); err != nil {
		r.Problem = err.Error()
	}
	r.TotalMS = milliseconds(time.Since(start))
	return r
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func judge(ctx context.Context, c Case, r *Report) error {
	module := c.Build()
	e, err := plugins.NewEngine(plugins.Config{})
	if err != nil {
		return fmt.Errorf("start the engine: %w", err)
	}
	defer e.Close(ctx)
	start, cpu := time.Now(), processorTime()
	m, err := e.Compile(ctx, module)
	r.VerdictMS, r.VerdictCPUMS = milliseconds(time.Since(start)), milliseconds(processorTime()-cpu)
	if err != nil || c.Refused != "" {
		return c.checkRefusal(err)
	}
	return c.judgeMachine(ctx, e, m)
}

// checkRefusal compares a verdict with what it must be.
func (c Case) checkRefusal(err error) error {
	var refused *plugins.RefusedError
	switch {
	case c.Refused == "":
		return fmt.Errorf("the module must be accepted: %w", err)
	case !errors.As(err, &refused):
		return fmt.Errorf("the module must be refused by rule %s, got %w", c.Refused, errorOr(err))
	case refused.Rule != c.Refused:
		return fmt.Errorf("refused by rule %s, want %s: %w", refused.Rule, c.Refused, err)
	case refused.What == "" || refused.Why == "":
		return fmt.Errorf("a refusal without a reason: %w", err)
	}
	return mustSay(err.Error(), c.Says)
}

var errAccepted = errors.New("it was accepted")

func errorOr(err error) error {
	if err == nil {
		return errAccepted
	}
	return err
}

func mustSay(text, part string) error {
	if !strings.Contains(text, part) {
		return fmt.Errorf("%q does not say %q", text, part)
	}
	return nil
}

// judgeMachine starts two machines of one module: one is given the bad steps, the
// other one only what should be left of them.
func (c Case) judgeMachine(ctx context.Context, e *plugins.Engine, m *plugins.Module) error {
	logs := &logCount{}
	config := plugins.InstanceConfig{Machine: "bad", Limits: limits, Logger: slog.New(logs)}
	i, err := e.NewInstance(ctx, m, config)
	if c.Start != 0 || err != nil {
		return c.checkStart(err)
	}
	defer i.Close(ctx)
	twin, err := e.NewInstance(ctx, m, config)
	if err != nil {
		return fmt.Errorf("start a second machine: %w", err)
	}
	defer twin.Close(ctx)
	t := &trial{bad: i, twin: twin, logs: logs}
	if err := t.good(ctx); err != nil {
		return fmt.Errorf("before anything bad: %w", err)
	}
	for n, s := range c.Steps {
		if err := t.step(ctx, s); err != nil {
			return fmt.Errorf("step %d, %s %.40q: %w", n, s.Verb, s.Input, err)
		}
	}
	return nil
}

func (c Case) checkStart(err error) error {
	var guest *plugins.GuestError
	switch {
	case c.Start == 0:
		return fmt.Errorf("the machine must start: %w", err)
	case !errors.As(err, &guest):
		return fmt.Errorf("the start must fail with status %d, got %w", c.Start, errorOr(err))
	case guest.Status != c.Start:
		return fmt.Errorf("the start failed with status %d, want %d: %w", guest.Status, c.Start, err)
	}
	return mustSay(err.Error(), c.Says)
}

// trial is a machine under test beside one that knows nothing of what is bad.
type trial struct {
	bad, twin *plugins.Instance
	index     uint64
	count     uint32 // what both counters must say
	logs      *logCount
}

// at is the moment of an entry. Log time stands still: a machine's clock is part
// of its state, and the twin sees fewer entries.
func (t *trial) at() plugins.Moment { return plugins.Moment{Index: t.index, Time: 1000} }

// good gives both machines a good command and a good query; they must answer
// alike and right, and then be in the same state.
func (t *trial) good(ctx context.Context) error {
	t.index++
	t.count++
	for _, i := range []*plugins.Instance{t.bad, t.twin} {
		rs, err := i.Apply(ctx, t.at(), [][]byte{{good}})
		if err != nil {
			return err
		}
		if err := t.counted(rs[0]); err != nil {
			return fmt.Errorf("a good command: %w", err)
		}
	}
	q, err := t.bad.Query(ctx, []byte{good})
	if err != nil {
		return err
	}
	if err := t.counted(q); err != nil {
		return fmt.Errorf("a good query: %w", err)
	}
	return t.sameState()
}

func (t *trial) counted(r plugins.Result) error {
	if r.Status != 0 || len(r.Data) != 4 || binary.LittleEndian.Uint32(r.Data) != t.count {
		return fmt.Errorf("answers status %d, %.80q, want %d", r.Status, r.Data, t.count)
	}
	return nil
}

func (t *trial) sameState() error {
	got, err := t.bad.StateHash()
	if err != nil {
		return err
	}
	want, err := t.twin.StateHash()
	if err != nil {
		return err
	}
	if got != want {
		return fmt.Errorf("the state is %x, that of a machine without the bad step %x", got[:6], want[:6])
	}
	return nil
}

// step does the bad thing and then something good.
func (t *trial) step(ctx context.Context, s Step) error {
	do := map[Verb]func(context.Context, Step) error{Apply: t.apply, Query: t.query, Snapshot: t.snapshot, Restore: t.restore, Version: t.version}[s.Verb]
	if err := do(ctx, s); err != nil {
		return err
	}
	if err := t.sameState(); err != nil {
		return err
	}
	if err := t.good(ctx); err != nil {
		return fmt.Errorf("afterwards: %w", err)
	}
	return nil
}

// apply gives the bad command alone, and if it fails among good ones.
func (t *trial) apply(ctx context.Context, s Step) error {
	t.index++
	t.logs.reset()
	rs, err := t.bad.Apply(ctx, t.at(), [][]byte{s.Input})
	if err != nil {
		return err
	}
	if err := s.check(rs[0].Status, string(rs[0].Data)); err != nil {
		return err
	}
	if s.Status >= 0 {
		_, err = t.twin.Apply(ctx, t.at(), [][]byte{s.Input})
		return errors.Join(err, t.logs.check(2*limits.LogBytesMax))
	}
	if err := t.sameState(); err != nil {
		return err
	}
	return errors.Join(t.among(ctx, s), t.logs.check(5*limits.LogBytesMax))
}

// among gives the bad command between two good ones in one entry: only it may fail.
func (t *trial) among(ctx context.Context, s Step) error {
	t.index++
	rs, err := t.bad.Apply(ctx, t.at(), [][]byte{{good}, s.Input, {good}})
	if err != nil {
		return err
	}
	for k, r := range rs {
		if k == 1 {
			err = s.check(r.Status, string(r.Data))
		} else {
			t.count++
			err = t.counted(r)
		}
		if err != nil {
			return fmt.Errorf("command %d of an entry: %w", k, err)
		}
	}
	return t.followAmong(ctx, s)
}

// followAmong gives the twin the two good commands, as the other machine got them:
// one after the other, or together when the guest was never shown the bad one.
func (t *trial) followAmong(ctx context.Context, s Step) error {
	entries := [][][]byte{{{good}}, {{good}}}
	if s.Unseen {
		entries = [][][]byte{{{good}, {good}}}
	}
	for _, commands := range entries {
		if _, err := t.twin.Apply(ctx, t.at(), commands); err != nil {
			return err
		}
	}
	return nil
}

func (t *trial) query(ctx context.Context, s Step) error {
	t.logs.reset()
	r, err := t.bad.Query(ctx, s.Input)
	if err != nil {
		return err
	}
	return errors.Join(s.check(r.Status, string(r.Data)), t.logs.check(limits.LogBytesMax))
}

func (t *trial) snapshot(ctx context.Context, s Step) error {
	var out bytes.Buffer
	err := t.bad.Export(ctx, &out)
	if int64(out.Len()) > limits.ExportBytesMax {
		return fmt.Errorf("%d bytes were written", out.Len())
	}
	return s.checkGuest(err)
}

func (t *trial) restore(ctx context.Context, s Step) error {
	t.index++
	var from io.Reader = bytes.NewReader(s.Input)
	if s.Endless {
		from = endless{}
	}
	err := t.bad.Import(ctx, t.at(), from, 1)
	if err == nil && s.Status == 0 {
		// What it says is its state now; the twin follows.
		if !s.Kept {
			t.count = counterOf(s.Input)
		}
		err = t.twin.Import(ctx, t.at(), bytes.NewReader(s.Input), 1)
	}
	return s.checkGuest(err)
}

func (t *trial) version(ctx context.Context, s Step) error {
	v, err := t.bad.Version(ctx)
	if err == nil && v != authorsVersion {
		return fmt.Errorf("the version is %d, want %d", v, authorsVersion)
	}
	return s.checkGuest(err)
}

func counterOf(state []byte) uint32 {
	if len(state) < 4 {
		return 0
	}
	return binary.LittleEndian.Uint32(state)
}

// check compares an answer with what it must be.
func (s Step) check(status int32, text string) error {
	if status != s.Status {
		return fmt.Errorf("status %d, want %d: %.200q", status, s.Status, text)
	}
	return mustSay(text, s.Says)
}

func (s Step) checkGuest(err error) error {
	var guest *plugins.GuestError
	switch {
	case err == nil:
		return s.check(0, "")
	case !errors.As(err, &guest):
		return err
	}
	return s.check(guest.Status, guest.Text)
}
