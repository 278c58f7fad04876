package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// The operations a load may consist of.
const (
	Write = "write"
	Read  = "read"
)

// Store is what is loaded. An error of its methods is final: whatever may be
// repeated was repeated within the operation, and within its time.
type Store interface {
	// Put sets a key. The slices stay the caller's.
	Put(ctx context.Context, key, value []byte) error
	// Get reads a key, linearizably; found is false when it is not there.
	Get(ctx context.Context, key []byte) (value []byte, found bool, err error)
}

// Config is one load.
type Config struct {
	// Op is Write or Read. Required.
	Op string
	// Clients is how many send at once; default 16.
	Clients int
	// ValueBytes is the size of a value; default 128.
	ValueBytes int
	// Keys is how many keys there are, chosen at random; default 10000.
	Keys int
	// Duration is measured, after Warmup, which is not; defaults 10s and 2s. A
	// negative Warmup is none.
	Duration, Warmup time.Duration
	// OpTimeout bounds one operation; default 5s.
	OpTimeout time.Duration
	// Seed makes the choice of keys repeatable.
	Seed uint64
}

const (
	clientsDefault    = 16
	valueBytesDefault = 128
	keysDefault       = 10000
	durationDefault   = 10 * time.Second
	warmupDefault     = 2 * time.Second
	opTimeoutDefault  = 5 * time.Second

	clientsMax    = 4096
	keysMax       = 10_000_000
	valueBytesMax = 1 << 20

	// errorPause keeps a failing load from becoming a load of failures.
	errorPause = 5 * time.Millisecond
	// slowestMicros is the longest time a histogram tells apart.
	slowestMicros   = 120_000_000
	preloadClients  = 64
	preloadAttempts = 50
)

func (c Config) withDefaults() Config {
	fill := func(n *int, usual int) {
		if *n == 0 {
			*n = usual
		}
	}
	fill(&c.Clients, clientsDefault)
	fill(&c.ValueBytes, valueBytesDefault)
	fill(&c.Keys, keysDefault)
	if c.Duration == 0 {
		c.Duration = durationDefault
	}
	if c.Warmup == 0 {
		c.Warmup = warmupDefault
	}
	c.Warmup = max(c.Warmup, 0)
	if c.OpTimeout == 0 {
		c.OpTimeout = opTimeoutDefault
	}
	return c
}

// Validate joins all problems of the configuration, defaults filled in.
func (c Config) Validate() error {
	c = c.withDefaults()
	var problems []error
	if c.Op != Write && c.Op != Read {
		problems = append(problems, fmt.Errorf("bench: operation %q: use %s or %s", c.Op, Write, Read))
	}
	between := func(what string, n, low, high int) {
		if n < low || n > high {
			problems = append(problems, fmt.Errorf("bench: %s %d: use %d to %d", what, n, low, high))
		}
	}
	between("clients", c.Clients, 1, clientsMax)
	between("value", c.ValueBytes, 1, valueBytesMax)
	between("keys", c.Keys, 1, keysMax)
	if c.Duration < 0 || c.OpTimeout < 0 {
		problems = append(problems, errors.New("bench: times must be above 0"))
	}
	return errors.Join(problems...)
}

// Run loads store and returns what was measured. The error is a bad Config or an
// ended ctx; failed operations are counted in the result.
func Run(ctx context.Context, c Config, store Store) (Result, error) {
	if err := c.Validate(); err != nil {
		return Result{}, err
	}
	c = c.withDefaults()
	start := time.Now().Add(c.Warmup)
	r := &recorder{start: start, end: start.Add(c.Duration), times: hdrhistogram.New(1, slowestMicros, 3)}
	var wg sync.WaitGroup
	for w := range c.Clients {
		wg.Go(func() { c.client(ctx, w, store, r) })
	}
	wg.Wait()
	if err := ctx.Err(); err != nil {
		return Result{}, fmt.Errorf("bench: stopped before its end: %w", err)
	}
	return r.result(c), nil
}

// client is one closed loop.
func (c Config) client(ctx context.Context, worker int, store Store, r *recorder) {
	random := rand.New(rand.NewPCG(c.Seed, uint64(worker)))
	value := bytes.Repeat([]byte{byte('a' + worker%26)}, c.ValueBytes)
	var key []byte
	for ctx.Err() == nil {
		key = keyName(key, random.IntN(c.Keys))
		began := time.Now()
		if began.After(r.end) {
			return
		}
		err := c.once(ctx, store, key, value)
		r.record(began, time.Now(), err)
		if err != nil {
			pause(ctx, errorPause)
		}
	}
}

// once makes one attempt of the load's operation.
func (c Config) once(ctx context.Context, store Store, key, value []byte) error {
	ctx, cancel := context.WithTimeout(ctx, c.OpTimeout)
	defer cancel()
	if c.Op == Write {
		return store.Put(ctx, key, value)
	}
	_, found, err := store.Get(ctx, key)
	if err == nil && !found {
		return fmt.Errorf("bench: key %s is not there: preload first", key)
	}
	return err
}

// Preload writes every key once, each with several attempts.
func Preload(ctx context.Context, c Config, store Store) error {
	if err := c.Validate(); err != nil {
		return err
	}
	c = c.withDefaults()
	c.Op = Write
	value := bytes.Repeat([]byte{'p'}, c.ValueBytes)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	next := make(chan int)
	var wg sync.WaitGroup
	for range min(preloadClients, c.Keys) {
		wg.Go(func() {
			for i := range next {
				if err := c.preloadKey(ctx, store, i, value); err != nil {
					cancel(err)
				}
			}
		})
	}
	for i := 0; i < c.Keys && ctx.Err() == nil; i++ {
		next <- i
	}
	close(next)
	wg.Wait()
	return context.Cause(ctx)
}

func (c Config) preloadKey(ctx context.Context, store Store, i int, value []byte) error {
	var err error
	for range preloadAttempts {
		if err = c.once(ctx, store, keyName(nil, i), value); err == nil || ctx.Err() != nil {
			break
		}
		pause(ctx, errorPause)
	}
	if err != nil {
		return fmt.Errorf("bench: preload key %d: %w", i, err)
	}
	return nil
}

// keyName is the name of key i, as the loads of other systems call it.
func keyName(buf []byte, i int) []byte { return fmt.Appendf(buf[:0], "key-%08d", i) }

// pause waits, or returns when ctx ends.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
