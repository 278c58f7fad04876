package nodetest_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/wraft/wraft/internal/wasmtest"
	"github.com/wraft/wraft/node"
)

// neighbour is a machine that does its worst in every command.
type neighbour struct {
	name   string
	binary []byte
	fuel   uint64 // that a command may spend
}

// neighbours are the bad ones. Why short loops as well: their commands end so often that
// whatever happens around an end is in the p99 of everybody else.
func neighbours() []neighbour {
	c := wasmtest.I32Const
	code := func(parts ...[]byte) []byte { return wasmtest.NewMachine(parts...).Bytes() }
	loop := code(wasmtest.Loop, wasmtest.Br(0), wasmtest.End, wasmtest.Unreachable)
	return []neighbour{
		{"loops", loop, neighbourFuel},
		{"short-loops", loop, neighbourFuel / 25},
		{"grows", code(c(400), wasmtest.MemoryGrow(), wasmtest.Drop, c(0), c(7), c(25<<20), wasmtest.MemoryFill, wasmtest.Unreachable), neighbourFuel},
		{"traps", code(wasmtest.Unreachable), neighbourFuel},
	}
}

const (
	neighbourFuel   = 200_000_000 // of a command, some tenths of a second
	neighbourRounds = 5
	neighbourCalls  = 600
	goodMachines    = 3
)

// BenchmarkNeighbours is what commands of good machines wait for on a node on which a
// bad machine gets one bad command after the other, and on one with all of the bad ones:
// their p99 in units of that without, in turns, the median of five. One iteration is
// everything.
func BenchmarkNeighbours(b *testing.B) {
	for _, bad := range neighbours() {
		b.Run(bad.name, func(b *testing.B) { benchmarkBeside(b, bad) })
	}
	b.Run("all", func(b *testing.B) { benchmarkBeside(b, neighbours()...) })
}

func benchmarkBeside(b *testing.B, bad ...neighbour) {
	n := startLoopback(b, 1, wasmOpener(b))[0]
	var good []string
	for k := range goodMachines {
		good = append(good, fmt.Sprintf("good-%d", k))
		deployNamed(b, n, neighbour{good[k], wasmtest.Counter(b), neighbourFuel})
	}
	for _, m := range bad {
		deployNamed(b, n, m)
	}
	for b.Loop() {
		var ratios, alone []float64
		for range neighbourRounds {
			quiet := goodP99(b, n, good)
			stop := misbehave(b, n, bad)
			busy := goodP99(b, n, good)
			stop()
			ratios, alone = append(ratios, float64(busy)/float64(quiet)), append(alone, float64(quiet)/1e6)
		}
		slices.Sort(ratios)
		slices.Sort(alone)
		b.ReportMetric(ratios[neighbourRounds/2], "p99-ratio")
		b.ReportMetric(ratios[0], "least-ratio")
		b.ReportMetric(ratios[neighbourRounds-1], "most-ratio")
		b.ReportMetric(alone[neighbourRounds/2], "alone-p99-ms")
	}
}

func deployNamed(b *testing.B, n *node.Node, m neighbour) {
	b.Helper()
	ctx := context.Background()
	d := node.DigestOf(m.binary)
	if _, _, err := n.PutModule(ctx, d, bytes.NewReader(m.binary)); err != nil {
		b.Fatal(err)
	}
	limits := node.MachineLimits{MemoryBytes: 64 << 20, FuelCommand: m.fuel, FuelEntry: m.fuel}
	if _, _, err := n.Deploy(ctx, node.DeployRequest{Machine: m.name, Module: d, Limits: limits}); err != nil {
		b.Fatal(err)
	}
}

// goodP99 calls good machines in turn, one command at a time. A command that must be
// repeated is timed as one.
func goodP99(b *testing.B, n *node.Node, machines []string) time.Duration {
	b.Helper()
	took := make([]time.Duration, neighbourCalls)
	for k := range took {
		before := time.Now()
		for {
			r, err := n.Call(context.Background(), machines[k%len(machines)], node.Call{Data: []byte("incr"), Forward: true})
			if err == nil && r.Status != 0 {
				b.Fatalf("%+v", r)
			}
			if err == nil {
				break
			}
		}
		took[k] = time.Since(before)
	}
	slices.Sort(took)
	return took[neighbourCalls*99/100]
}

// misbehave keeps bad machines busy until it is stopped, and fails if one of their
// commands succeeds.
func misbehave(b *testing.B, n *node.Node, machines []neighbour) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	for _, m := range machines {
		all.Go(func() {
			for ctx.Err() == nil {
				if r, err := n.Call(ctx, m.name, node.Call{Data: []byte("bad"), Forward: true}); err == nil && r.Status >= 0 {
					b.Errorf("%s: %+v", m.name, r)
					return
				}
			}
		})
	}
	return func() { cancel(); all.Wait() }
}
