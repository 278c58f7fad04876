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
}

// neighbours are the bad ones. They may spend neighbourFuel on a command.
func neighbours() []neighbour {
	c := wasmtest.I32Const
	code := func(parts ...[]byte) []byte { return wasmtest.NewMachine(parts...).Bytes() }
	return []neighbour{
		{"loops", code(wasmtest.Loop, wasmtest.Br(0), wasmtest.End, wasmtest.Unreachable)},
		{"grows", code(c(400), wasmtest.MemoryGrow(), wasmtest.Drop, c(0), c(7), c(25<<20), wasmtest.MemoryFill, wasmtest.Unreachable)},
		{"traps", code(wasmtest.Unreachable)},
	}
}

const (
	neighbourFuel   = 200_000_000 // some tenths of a second
	neighbourRounds = 5
	neighbourCalls  = 600
	goodMachines    = 3
)

// BenchmarkNeighbours is what commands of good machines wait for on a node on which a
// bad machine gets one bad command after the other: their p99 in units of that without
// it, in turns, the median of five. One iteration is everything.
func BenchmarkNeighbours(b *testing.B) {
	for _, bad := range neighbours() {
		b.Run(bad.name, func(b *testing.B) {
			n := startLoopback(b, 1, wasmOpener(b))[0]
			var good []string
			for k := range goodMachines {
				good = append(good, fmt.Sprintf("good-%d", k))
				deployNamed(b, n, good[k], wasmtest.Counter(b))
			}
			deployNamed(b, n, bad.name, bad.binary)
			for b.Loop() {
				var ratios, alone []float64
				for range neighbourRounds {
					quiet := goodP99(b, n, good)
					stop := misbehave(b, n, bad.name)
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
		})
	}
}

func deployNamed(b *testing.B, n *node.Node, name string, binary []byte) {
	b.Helper()
	ctx := context.Background()
	d := node.DigestOf(binary)
	if _, _, err := n.PutModule(ctx, d, bytes.NewReader(binary)); err != nil {
		b.Fatal(err)
	}
	limits := node.MachineLimits{MemoryBytes: 64 << 20, FuelCommand: neighbourFuel, FuelEntry: neighbourFuel}
	if _, _, err := n.Deploy(ctx, node.DeployRequest{Machine: name, Module: d, Limits: limits}); err != nil {
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

// misbehave keeps a bad machine busy until it is stopped, and fails if one of its
// commands succeeds.
func misbehave(b *testing.B, n *node.Node, machine string) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var one sync.WaitGroup
	one.Go(func() {
		for ctx.Err() == nil {
			if r, err := n.Call(ctx, machine, node.Call{Data: []byte("bad"), Forward: true}); err == nil && r.Status >= 0 {
				b.Errorf("%s: %+v", machine, r)
				return
			}
		}
	})
	return func() { cancel(); one.Wait() }
}
