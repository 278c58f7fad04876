package differential

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/wraft/wraft/internal/wasmtest"
	"github.com/wraft/wraft/plugins/abi"
	"github.com/wraft/wraft/plugins/plugintest/bare"
)

// memoryPagesMax is more than generated modules may have.
const memoryPagesMax = 64

var (
	memory    = "memory"
	functions = []string{"f3", "f2", "f1", "f0", "f3", "f1"}
	globals   = []string{"g0", "g1", "g2", "g3", "g4"}
)

// wrong counts NaNs that are not canonical.
const wrong = "g4"

// Meaning says how a generated module and what the pass makes of it differ; nil if
// they don't.
func Meaning(choices []byte) error {
	return together(wasmtest.Generate(choices), choices, bare.EqualNaN,
		bare.Config{}, bare.Config{Rewritten: true}, bare.Config{Rewritten: true})
}

// Bits says how the rewritten module differs between engines; nil if it doesn't.
func Bits(choices []byte) error {
	return together(wasmtest.GenerateBits(choices), choices, bare.Equal,
		bare.Config{Rewritten: true}, bare.Config{Rewritten: true}, bare.Config{Rewritten: true, Interpreted: true})
}

// equal compares two values of a type.
type equal func(t abi.ValueType, a, b uint64) bool

// together makes the same calls in several worlds and compares the first with each
// of the others after every one.
func together(binary, choices []byte, eq equal, configs ...bare.Config) (err error) {
	ctx := context.Background()
	var guests []*bare.Guest
	for _, c := range configs {
		c.MemoryPagesMax = memoryPagesMax
		w := bare.NewWorld(ctx, c)
		defer func() { err = errors.Join(err, w.Close(ctx)) }()
		g, err := w.Start(ctx, binary, "")
		if err != nil {
			return err
		}
		guests = append(guests, g)
	}
	chance := rand.New(rand.NewPCG(1, uint64(len(choices))))
	for _, f := range functions {
		args := []uint64{uint64(chance.Uint32()), chance.Uint64(), uint64(chance.Uint32()), chance.Uint64()}
		if err := call(ctx, guests, configs, eq, f, args); err != nil {
			return fmt.Errorf("%s%#x: %w", f, args, err)
		}
	}
	return nil
}

// call makes one call in all worlds.
func call(ctx context.Context, guests []*bare.Guest, configs []bare.Config, eq equal, f string, args []uint64) error {
	outcomes := make([]bare.Outcome, len(guests))
	for n, g := range guests {
		var err error
		if outcomes[n], err = g.Invoke(ctx, f, args...); err != nil {
			return fmt.Errorf("world %d: %w", n, err)
		}
	}
	last := len(guests) - 1
	for n := range last {
		if err := same(outcomes[n], outcomes[last], eq); err != nil {
			return fmt.Errorf("worlds %d and %d: %w", n, last, err)
		}
		if err := sameState(guests[n], guests[last], eq); err != nil {
			return fmt.Errorf("worlds %d and %d, after %v: %w", n, last, outcomes[last], err)
		}
		if configs[n].Rewritten && outcomes[n].Fuel != outcomes[last].Fuel {
			return fmt.Errorf("worlds %d and %d: fuel %d and %d", n, last, outcomes[n].Fuel, outcomes[last].Fuel)
		}
	}
	if outcomes[last].Fuel <= 0 {
		return fmt.Errorf("the call spent %d", outcomes[last].Fuel)
	}
	if _, count, _ := guests[last].Global(wrong); count != 0 {
		return fmt.Errorf("%d results are NaNs and not canonical", count)
	}
	return nil
}

func same(x, y bare.Outcome, eq equal) error {
	if x.Trap != y.Trap || len(x.Results) != len(y.Results) {
		return fmt.Errorf("%v and %v", x, y)
	}
	for i, t := range x.Types[:len(x.Results)] {
		if !eq(t, x.Results[i], y.Results[i]) {
			return fmt.Errorf("result %d: %v and %v", i, x, y)
		}
	}
	return nil
}

func sameState(x, y *bare.Guest, eq equal) error {
	for _, name := range globals {
		t, a, okA := x.Global(name)
		_, b, okB := y.Global(name)
		if !okA || !okB || !eq(t, a, b) {
			return fmt.Errorf("global %s: %#x and %#x", name, a, b)
		}
	}
	return sameMemory(x.Memory(memory), y.Memory(memory))
}

func sameMemory(a, b []byte) error {
	if bytes.Equal(a, b) {
		return nil
	}
	if len(a) != len(b) {
		return fmt.Errorf("memories of %d and %d bytes", len(a), len(b))
	}
	at := 0
	for a[at] == b[at] {
		at++
	}
	return fmt.Errorf("memory at %#x: %#02x and %#02x", at, a[at], b[at])
}
