package node

import (
	"context"
	"strings"
	"testing"

	"github.com/wraft/wraft/internal/wasmtest"
	"github.com/wraft/wraft/plugins"
	"github.com/wraft/wraft/raft"
)

// bench opens real instances for appliers under test, by the digest of the artefact.
type bench struct {
	wasm    WASM
	modules map[Digest][]byte
}

func newBench(t *testing.T) *bench {
	engine, err := plugins.NewEngine(plugins.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := engine.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return &bench{wasm: NewWASM(engine), modules: map[Digest][]byte{}}
}

// run prepares a module as a deploy does.
func (b *bench) run(t *testing.T, module []byte, tune func(*MachineLimits)) MachineRun {
	t.Helper()
	limits, err := MachineLimits{}.fill(64<<20, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	if tune != nil {
		tune(&limits)
	}
	p, err := b.wasm.Prepare(t.Context(), module, limits)
	if err != nil {
		t.Fatal(err)
	}
	d := DigestOf(p.Artefact)
	b.modules[d] = p.Artefact
	return MachineRun{Module: DigestOf(module), Artefact: d, Pass: p.Pass, Host: p.Host, Limits: limits}
}

// OpenSuccessor implements SuccessorOpener.
func (b *bench) OpenSuccessor(ctx context.Context, run MachineRun, created plugins.Moment) (Upgradable, error) {
	m, err := b.wasm.Open(ctx, b.modules[run.Artefact], OpenConfig{Name: "bench", Limits: run.Limits, Created: created})
	if err != nil {
		return nil, err
	}
	return m.(Upgradable), nil
}

// applier is a replica that begins with a run.
func (b *bench) applier(t *testing.T, run MachineRun) *Applier {
	t.Helper()
	m, err := b.OpenSuccessor(t.Context(), run, plugins.Moment{})
	if err != nil {
		t.Fatal(err)
	}
	a := NewApplier(7, m, nil)
	a.FollowUpgrades(run, b)
	t.Cleanup(func() {
		if err := a.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return a
}

// apply applies one entry behind the last and returns the answer to its one command.
func applyTo(t *testing.T, a *Applier, c Command) Answer {
	t.Helper()
	at := a.Applied() + 1
	e := entry(t, at, 1, Batch{Elapsed: int64(at) * 1000, Commands: []Command{c}})
	got, err := a.Apply(t.Context(), ApplyWork{Range: raft.ApplyRange{First: at, Last: at, Entries: []raft.Entry{e}}, Waiting: map[raft.Index][]Ticket{at: {"t"}}})
	if err != nil {
		t.Fatal(err)
	}
	return got[0].Answer
}

func upgradeTo(t *testing.T, a *Applier, id DeployID, from, to MachineRun) UpgradeOutcome {
	t.Helper()
	c, err := UpgradeCommand(UpgradeOrder{ID: id, From: from, To: to})
	if err != nil {
		t.Fatal(err)
	}
	o, err := DecodeUpgradeOutcome(applyTo(t, a, c).Data)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// endless is a machine of which one export runs for ever.
func endless(export string) []byte {
	b := wasmtest.NewBuilder()
	b.Memory(1, -1)
	b.Export("memory", 2, 0)
	function := func(name, params, results string, code ...[]byte) {
		if name == export {
			code = append([][]byte{wasmtest.Loop, wasmtest.Br(0), wasmtest.End}, code...)
		}
		b.Export(name, 0, b.Function(params, results, "", code...))
	}
	function("wraft_abi_v1", "", "")
	function("wraft_alloc", "i", "i", wasmtest.I32Const(wasmtest.InputAt))
	function("wraft_apply", "ii", "I", wasmtest.Unreachable)
	function("wraft_query", "ii", "I", wasmtest.Unreachable)
	function("wraft_snapshot", "", "i", wasmtest.I32Const(0))
	function("wraft_restore", "i", "i", wasmtest.I32Const(0))
	function("_initialize", "", "")
	return b.Bytes()
}

// TestUpgradesOfRealModulesRefuseAlike: on two replicas, the one with more behind
// it, each way in which real modules fail gives the same words, and the old module
// goes on with its state.
func TestUpgradesOfRealModulesRefuseAlike(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles Go guests")
	}
	b := newBench(t)
	slow := wasmtest.Slow(t)
	first := b.run(t, slow, nil)
	small := func(l *MachineLimits) { l.ExportBytes = 1 << 20 }
	frugalCalls := func(l *MachineLimits) { l.FuelBase, l.FuelPerByte = 1_000_000, 1 }
	for _, c := range []struct {
		name, value string
		from, to    MachineRun
		reason      string
	}{
		{"the snapshot fails", "13", first, b.run(t, wasmtest.Counter(t), nil), "the old module does not export its state: wraft_snapshot: status 13: unlucky"},
		{"the snapshot traps", "14", first, b.run(t, wasmtest.Counter(t), nil), "the old module does not export its state: wraft_snapshot: unreachable: panic: snapshot of 14"},
		{"the snapshot never ends", "15", b.run(t, slow, small), b.run(t, wasmtest.NewMachine(wasmtest.Unreachable).Bytes(), nil), "the old module does not export its state: wraft_snapshot: more than 1048576 bytes were written"},
		{"the restore fails", "13", b.run(t, wasmtest.Counter(t), nil), b.run(t, wasmtest.Counter2(t), nil), "the new module does not take the state: wraft_restore: status 13: an unlucky number"},
		{"the restore traps halfway", "12", first, b.run(t, wasmtest.Halfway(t), nil), "the new module does not take the state: wraft_restore: unreachable: panic: the migration of the second byte is not written"},
		{"the restore never ends", "1", first, b.run(t, endless("wraft_restore"), frugalCalls), "the new module does not take the state: wraft_restore: out of fuel"},
		{"it never starts", "1", first, b.run(t, endless("_initialize"), frugalCalls), "the new module does not start: _initialize: out of fuel"},
	} {
		t.Run(c.name, func(t *testing.T) {
			outcomes := map[UpgradeOutcome]bool{}
			for replica := range 2 {
				a := b.applier(t, c.from)
				if replica == 1 { // a trap and its rollback behind it
					applyTo(t, a, call1(0, 0, "panic x"))
				} else {
					applyTo(t, a, call1(0, 0, "get"))
				}
				applyTo(t, a, call1(0, 0, "add "+c.value))
				o := upgradeTo(t, a, 1, c.from, c.to)
				if o.Status != StatusUpgradeRefused || !strings.HasPrefix(o.Reason, c.reason) {
					t.Fatalf("outcome %+v, want %q", o, c.reason)
				}
				outcomes[o] = true
				if got := applyTo(t, a, call1(0, 0, "get")); !strings.Contains(string(got.Data), c.value) {
					t.Errorf("afterwards %q, want %s", got.Data, c.value)
				}
			}
			if len(outcomes) != 1 {
				t.Errorf("the replicas differ: %v", outcomes)
			}
		})
	}
}
