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
	neighbourCalls  = 3_000
	goodMachines    = 3
)

// BenchmarkNeighbours is what commands of good machines wait for on a node on which a
// bad machine gets one bad command after the other, and on one with all of the bad ones:
// their p99 in units of that without, in turns, the median of five. Whoever shares a disk
// and processors with a busy machine waits longer, so the same is measured beside as many
// good machines that are as busy, and p99-over-busy is in units of that: what badness adds.
// One iteration is everything.
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
	var busy []neighbour
	for _, m := range bad {
		deployNamed(b, n, m)
		busy = append(busy, neighbour{"busy-" + m.name, wasmtest.Counter(b), neighbourFuel})
		deployNamed(b, n, busy[len(busy)-1])
	}
	for b.Loop() {
		var ratios, overBusy, alone []float64
		for range neighbourRounds {
			quiet := goodP99(b, n, good)
			beside := func(neighbours []neighbour, command string) float64 {
				stop := keepBusy(b, n, neighbours, command)
				defer stop()
				return float64(goodP99(b, n, good))
			}
			beBusy, beBad := beside(busy, "incr"), beside(bad, "bad")
			ratios, overBusy = append(ratios, beBad/float64(quiet)), append(overBusy, beBad/beBusy)
			alone = append(alone, float64(quiet)/1e6)
		}
		report(b, ratios, "p99-ratio")
		report(b, overBusy, "p99-over-busy")
		report(b, alone, "alone-p99-ms")
	}
}

// report names the median of one figure's rounds, the least and the most.
func report(b *testing.B, rounds []float64, unit string) {
	slices.Sort(rounds)
	b.ReportMetric(rounds[len(rounds)/2], unit)
	b.ReportMetric(rounds[0], "least-"+unit)
	b.ReportMetric(rounds[len(rounds)-1], "most-"+unit)
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

// keepBusy gives each machine one command after the other until it is stopped, and fails
// if a bad one succeeds.
func keepBusy(b *testing.B, n *node.Node, machines []neighbour, command string) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	for _, m := range machines {
		all.Go(func() {
			for ctx.Err() == nil {
				if r, err := n.Call(ctx, m.name, node.Call{Data: []byte(command), Forward: true}); err == nil && r.Status >= 0 && command == "bad" {
					b.Errorf("%s: %+v", m.name, r)
					return
				}
			}
		})
	}
	return func() { cancel(); all.Wait() }
}
