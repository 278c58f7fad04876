package nodetest_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/wraft/wraft/internal/wasmtest"
	"github.com/wraft/wraft/node"
	"github.com/wraft/wraft/plugins"
	"github.com/wraft/wraft/plugins/abi"
	"github.com/wraft/wraft/raft"
)

// weigher is an heir that adds its module's length with every command, so that its
// sum tells which module ran which commands.
type weigher struct{ heir }

func (w *weigher) Apply(_ context.Context, _ plugins.Moment, commands [][]byte) ([]plugins.Result, error) {
	var out []plugins.Result
	for range commands {
		w.sum += uint64(len(w.module))
		out = append(out, plugins.Result{Data: binary.BigEndian.AppendUint64(nil, w.sum)})
	}
	return out, nil
}

// weighers opens every module as a weigher.
type weighers struct{ adders }

func (weighers) Open(_ context.Context, artefact []byte, _ node.OpenConfig) (node.Machine, error) {
	return &weigher{heir{module: strings.TrimPrefix(string(artefact), "artefact of ")}}, nil
}

// TestBubbleReplayBeginsWithTheFirstModule: a log is played again with the module
// that it was begun with, and not with the one that the catalogue calls active; the
// upgrades in the log do the rest.
func TestBubbleReplayBeginsWithTheFirstModule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, weighers{})
		defer b.close()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		want := uint64(0)
		modules := []string{"a", "a longer one", "finally"}
		var last node.UpgradeRecord
		for n, module := range modules {
			if n == 0 {
				b.deploy(ctx, 1, "adder", []byte(module))
			} else {
				var err error
				if _, last, _, err = b.nodes[1].node.Upgrade(ctx, node.UpgradeRequest{Machine: "adder", Module: b.upload(ctx, 1, []byte(module))}); err != nil {
					t.Fatal(err)
				}
			}
			b.add(ctx, 5)
			want += 5 * uint64(len(module))
		}
		disks := map[raft.NodeID]*vfs.MemFS{}
		for id := raft.NodeID(1); id <= 3; id++ {
			disks[id] = b.crash(id)
		}
		for id, disk := range disks {
			b.boot(id, disk)
		}
		for id := range b.nodes {
			b.expectRunning(ctx, id, last.To.Module, last.Index)
			b.expectSum(ctx, id, want)
		}
	})
}

// compilerThatFails compiles until it is told to fail.
type compilerThatFails struct{ fails atomic.Bool }

func (c *compilerThatFails) Compile(ctx context.Context, artefact []byte, dir string) error {
	if c.fails.Load() {
		return &plugins.CompilerError{Limit: "memory", Allowed: "1 MiB", Text: "killed"}
	}
	return plugins.CompileTo(ctx, artefact, dir)
}

// zeros is a machine that answers every command with nothing; n tells such machines
// from each other.
func zeros(n int) []byte {
	b := wasmtest.NewMachine(wasmtest.Answer(wasmtest.OutputAt, abi.ResultHeaderBytes))
	b.Data(0, fmt.Appendf(nil, "machine %d", n))
	return b.Bytes()
}

// TestBubbleCompilerError: a compiler that is stopped on one node says nothing about
// a module that the others took. An upgrade and a new machine halt there, and only
// there; commands go on, nothing is refused, and once there is room the node catches up.
func TestBubbleCompilerError(t *testing.T) {
	compiler := &compilerThatFails{}
	engines := [2]*plugins.Engine{}
	for n, c := range []plugins.Config{{}, {CacheDir: filepath.Join(t.TempDir(), "cache"), Compiler: compiler}} {
		var err error
		if engines[n], err = plugins.NewEngine(c); err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := engines[n].Close(context.Background()); err != nil {
				t.Error(err)
			}
		}()
	}
	synctest.Test(t, func(t *testing.T) { withoutACompiler(t, engines, compiler) })
}

// withoutACompiler runs one node with the second engine, the others with the first.
func withoutACompiler(t *testing.T, engines [2]*plugins.Engine, compiler *compilerThatFails) {
	var lame raft.NodeID // which can't compile
	b := newBubbleOf(t, func(id raft.NodeID) node.MachineOpener {
		if id == lame {
			return node.NewWASM(engines[1])
		}
		return node.NewWASM(engines[0])
	}, nil)
	defer b.close()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	b.deploy(ctx, 1, "adder", zeros(1))
	b.add(ctx, 3)
	lame = b.leader(2)%3 + 1 // Why not who leads: that node judges for all
	b.boot(lame, b.crash(lame))
	b.add(ctx, 3)
	compiler.fails.Store(true)
	fit := lame%3 + 1
	_, u, _, err := b.nodes[fit].node.Upgrade(ctx, node.UpgradeRequest{Machine: "adder", Module: b.upload(ctx, fit, zeros(2))})
	if err != nil || u.State != node.UpgradeDone {
		t.Fatalf("%+v, %v", u, err)
	}
	const words = "compiling takes more than the memory it may (1 MiB): killed"
	b.awaitPhase(ctx, lame, node.PhaseFailed, words)
	b.deploy(ctx, fit, "other", zeros(3))
	for {
		info, err := b.nodes[lame].node.Group(ctx, 3, "other")
		if err == nil && info.Phase == node.PhaseFailed && strings.Contains(info.Cause.Error(), words) {
			break
		}
		if ctx.Err() != nil {
			t.Fatalf("the other machine: %+v, %v", info, err)
		}
		time.Sleep(10 * time.Millisecond) // virtual
	}
	b.add(ctx, 3)
	compiler.fails.Store(false)
	b.boot(lame, b.crash(lame))
	b.expectRunning(ctx, lame, u.To.Module, u.Index)
	for _, machine := range []string{"adder", "other"} {
		for {
			r, err := b.nodes[lame].node.Ask(ctx, machine, node.Ask{Forward: true})
			if err == nil && r.Status == 0 {
				break
			}
			if ctx.Err() != nil {
				t.Fatalf("%s on the node that can compile again: %+v, %v", machine, r, err)
			}
			time.Sleep(10 * time.Millisecond) // virtual
		}
	}
}
