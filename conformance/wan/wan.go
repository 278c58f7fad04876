package wan

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/conformance/cluster"
	"github.com/wraft/wraft/internal/relay"
)

// Config says what to measure.
type Config struct {
	// Dir is an empty folder for everything that is written. Required.
	Dir string
	// Path is what the links do. With Step they lose nothing at first and at the end,
	// and have this path for the second third of the time.
	Path Path
	Step bool
	// RTT is the round trip of all links; 0: 70, 80 and 140 ms, those of three regions.
	RTT time.Duration
	// FEC is auto, on or off: whether the nodes repair losses. Default auto.
	FEC string
	// Down is a follower that does not run, 2 or 3; 0: none.
	Down client.NodeID
	// Clients write at once, default 16. With Rate they write so many a second, on a
	// schedule that does not wait for answers; then it is how many may be under way,
	// default 512. ValueBytes is the size of a value, default 128, at least 8.
	Clients, Rate, ValueBytes int
	// Duration is measured, after Warmup, which is not.
	Duration, Warmup time.Duration
	// Heartbeat and ElectionTimeout of the nodes; defaults 150ms and 1.5s, as it
	// becomes a longest round trip of 140 ms.
	Heartbeat, ElectionTimeout time.Duration
	// Seed feeds the links.
	Seed uint64
	// Log takes a line per event; required.
	Log func(format string, args ...any)
}

func (c Config) withDefaults() Config {
	setDefault(&c.FEC, "auto")
	if c.Rate > 0 {
		setDefault(&c.Clients, 512)
	}
	setDefault(&c.Clients, 16)
	setDefault(&c.ValueBytes, 128)
	setDefault(&c.Heartbeat, 150*time.Millisecond)
	setDefault(&c.ElectionTimeout, 1500*time.Millisecond)
	return c
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Validate joins all problems of the configuration.
func (c Config) Validate() error {
	var errs []error
	if c.Down != 0 && c.Down != 2 && c.Down != 3 {
		errs = append(errs, fmt.Errorf("wan: node %d down: use 2 or 3, node 1 leads", c.Down))
	}
	if c.Clients < 0 || c.Clients > 4096 || c.Rate < 0 || c.ValueBytes < 0 || c.ValueBytes > 1<<20 || c.ValueBytes > 0 && c.ValueBytes < valueBytesMin {
		errs = append(errs, fmt.Errorf("wan: %d clients, %d writes a second, %d bytes: use at most 4096 clients and values of 8 bytes to 1 MiB",
			c.Clients, c.Rate, c.ValueBytes))
	}
	if c.Duration <= 0 || c.Warmup < 0 || c.RTT < 0 || c.Step && c.Duration < stepLeast {
		errs = append(errs, fmt.Errorf("wan: measured for %v after %v: use times above 0, and %v for steps", c.Duration, c.Warmup, stepLeast))
	}
	return errors.Join(append(errs, c.Path.conditions(0).Validate())...)
}

// Result is what was measured.
type Result struct {
	Path Path
	// RTT is the round trip of the nearest quorum.
	RTT      time.Duration
	P50, P99 time.Duration
	// Ops writes were acknowledged, Refused were due when all clients were busy.
	Ops, Refused int64
	Seconds      float64
	Elections    int
	// Lost keys hold less than was acknowledged.
	Lost  int
	Links []Link
	// Steps says how long parity took to follow; nil without steps.
	Steps *Steps
}

// Err is what is wrong with the result whatever the machine is busy with.
func (r Result) Err() error {
	switch {
	case r.Lost > 0:
		return fmt.Errorf("wan: %d keys hold less than was acknowledged", r.Lost)
	case r.Ops == 0:
		return errors.New("wan: nothing was acknowledged")
	}
	return nil
}

// String is the stable last line of make wan.
func (r Result) String() string {
	return fmt.Sprintf("wan: loss=%v rtt_ms=%d p50_ms=%.1f p99_ms=%.1f ops=%d elections=%d",
		r.Path, r.RTT.Milliseconds(), ms(r.P50), ms(r.P99), r.Ops, r.Elections)
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// run is a measurement under way.
type run struct {
	cfg     Config
	cluster *cluster.Cluster
	links   *cluster.Links
	client  *client.Client // beside the first node
	result  Result
}

// Run sets up a cluster and measures. The error is about what kept it from its end;
// Result.Err judges.
func Run(ctx context.Context, cfg Config) (Result, error) {
	if err := cfg.Validate(); err != nil {
		return Result{}, err
	}
	r := &run{cfg: cfg.withDefaults()}
	err := r.all(ctx)
	if r.client != nil {
		r.client.Close()
	}
	if r.cluster != nil {
		err = errors.Join(err, r.cluster.KillAll())
	}
	if r.links != nil {
		err = errors.Join(err, r.links.Close())
	}
	return r.result, err
}

func (r *run) all(ctx context.Context) error {
	r.result.Path, r.result.RTT = r.cfg.Path, r.cfg.quorumRTT()
	if err := r.setUp(ctx); err != nil {
		return err
	}
	l := startLoad(ctx, r.client, r.cfg.Clients, r.cfg.Rate, r.cfg.ValueBytes)
	err := r.measure(ctx, l)
	w, problems := l.finish()
	if err := errors.Join(err, problems); err != nil {
		return err
	}
	r.take(w, l)
	// Why whole links: what is read back says what was kept, not how fast.
	if err := r.links.SetAll(relay.Conditions{}); err != nil {
		return err
	}
	if r.result.Lost, err = l.check(ctx); err != nil {
		return err
	}
	return nil
}

// measure waits out the warm-up and the measured time, and notes what the nodes say.
func (r *run) measure(ctx context.Context, l *load) error {
	if err := rest(ctx, r.cfg.Warmup); err != nil {
		return err
	}
	before, err := look(ctx, r.cluster)
	if err != nil {
		return err
	}
	l.measure()
	if r.cfg.Step {
		r.result.Steps, err = r.step(ctx)
	} else {
		err = rest(ctx, r.cfg.Duration)
	}
	if err != nil {
		return err
	}
	after, err := look(ctx, r.cluster)
	if err != nil {
		return err
	}
	since := after.minus(before)
	r.result.Links, r.result.Elections = since.links, int(since.terms)
	return nil
}

// take puts what the load measured into the result.
func (r *run) take(w *window, l *load) {
	at := func(q float64) time.Duration { return time.Duration(w.times.ValueAtQuantile(q)) * time.Microsecond }
	r.result.P50, r.result.P99 = at(50), at(99)
	r.result.Ops, r.result.Refused = w.times.TotalCount(), int64(l.refused)
	r.result.Seconds = w.ended.Sub(w.began).Seconds()
}

// rest waits, or returns the context's error when that ends first.
func rest(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
