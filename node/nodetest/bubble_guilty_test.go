package nodetest_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wraft/wraft/internal/wasmtest"
	"github.com/wraft/wraft/node"
	"github.com/wraft/wraft/plugins"
	"github.com/wraft/wraft/raft"
)

// witnesses opens modules on one node, as witnesses.
type witnesses struct {
	node.WASM
	mu     sync.Mutex // guards the rest
	opened int
	saw    []string // what came of each entry
}

func (o *witnesses) Open(ctx context.Context, artefact []byte, c node.OpenConfig) (node.Machine, error) {
	m, err := o.WASM.Open(ctx, artefact, c)
	if err != nil {
		return nil, err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.opened++
	return &witness{m.(*plugins.Instance), o}, nil
}

func (o *witnesses) told() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.saw)
}

// witness is a module's instance that tells what comes of every entry.
type witness struct {
	*plugins.Instance
	to *witnesses
}

// resultMark is before each result in what a witness tells.
const resultMark = " -> "

func (w *witness) Apply(ctx context.Context, at plugins.Moment, commands [][]byte) ([]plugins.Result, error) {
	results, err := w.Instance.Apply(ctx, at, commands)
	if err != nil {
		return nil, err
	}
	state, err := w.StateHash()
	told := fmt.Sprintf("entry %d: fuel %d, state %v", at.Index, w.FuelUsed(), state)
	for k, r := range results {
		told += fmt.Sprintf("; %s%s%d %q", commands[k], resultMark, r.Status, r.Data)
	}
	w.to.mu.Lock()
	defer w.to.mu.Unlock()
	w.to.saw = append(w.to.saw, told)
	return results, err
}

// culprit is a machine, what it does wrong, and a command that counts.
type culprit struct {
	module func(testing.TB) []byte
	crimes map[string]int32 // the status of each, 0 for any of the host's
	honest string
	query  string
}

// inOtherLanguages are the crimes of the machines of wasmtest.Quirks. How the stack
// and the memory end is their compiler's affair.
var inOtherLanguages = map[string]int32{"panic": plugins.StatusTrap, "deep": 0, "loop": plugins.StatusFuel, "grow": plugins.StatusTrap}

// culprits are by language; go is not among them when it would take too long.
func culprits() map[string]culprit {
	out := map[string]culprit{}
	for _, variant := range []string{"c", "cpp", "rust", "assemblyscript", "zig"} {
		out[variant] = culprit{
			module: func(tb testing.TB) []byte { return wasmtest.Quirks(tb, variant) },
			crimes: inOtherLanguages, honest: "count", query: "count",
		}
	}
	if !testing.Short() {
		crimes := map[string]int32{"panic last words": plugins.StatusTrap, "half of it": plugins.StatusTrap, "recurse 1000000000": 0,
			"mix 1000000000000": plugins.StatusFuel, "grow 1000000": 0}
		out["go"] = culprit{module: wasmtest.Slow, crimes: crimes, honest: "add 1", query: "get"}
	}
	return out
}

// guiltLimits let crimes meet their end soon.
var guiltLimits = node.MachineLimits{MemoryBytes: 12 << 20, FuelCommand: 30_000_000}

// TestGuiltyCommandsOnThreeNodes lets machines of every language panic, exhaust
// their stack, loop without end and allocate all memory: that command alone fails,
// the next one succeeds on the same instance, and all three replicas have the same
// results, fuel and state behind every entry.
func TestGuiltyCommandsOnThreeNodes(t *testing.T) {
	engine := sharedEngine(t)
	for language, c := range culprits() {
		t.Run(language, func(t *testing.T) {
			binary := c.module(t)
			synctest.Test(t, func(t *testing.T) { onThreeNodes(t, engine, binary, c) })
		})
	}
}

func onThreeNodes(t *testing.T, engine *plugins.Engine, binary []byte, c culprit) {
	saw := map[raft.NodeID]*witnesses{}
	b := newBubbleOf(t, func(id raft.NodeID) node.MachineOpener {
		saw[id] = &witnesses{WASM: node.NewWASM(engine)}
		return saw[id]
	}, nil)
	defer b.close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour) // virtual
	defer cancel()
	if _, _, err := b.nodes[1].node.Deploy(ctx, node.DeployRequest{Machine: "culprit", Module: b.upload(ctx, 1, binary), Limits: guiltLimits}); err != nil {
		t.Fatal(err)
	}
	honest := 0
	for _, crime := range slices.Sorted(maps.Keys(c.crimes)) {
		honest = b.commit(ctx, c, crime, 0, honest) // with nothing beside it
		honest = b.commit(ctx, c, crime, 4, honest)
	}
	for id, n := range b.nodes {
		r, err := n.node.Ask(ctx, "culprit", node.Ask{Data: []byte(c.query), Forward: true})
		if err != nil || string(r.Data) != strconv.Itoa(honest) {
			t.Errorf("node %v answers %q, %v; want %d", id, r.Data, err, honest)
		}
	}
	sawTheSame(t, saw, honest+2*len(c.crimes))
}

// commit sends a guilty command with so many honest ones beside it, and then one
// more. It is told how many honest ones there were, and returns how many there are.
func (b *bubble) commit(ctx context.Context, c culprit, crime string, beside, honest int) int {
	b.t.Helper()
	answers := make([]node.CallResult, 1+beside)
	send := func(n int, command string) {
		r, err := b.nodes[2].node.Call(ctx, "culprit", node.Call{Data: []byte(command), Forward: true})
		if err != nil {
			b.t.Errorf("%s: %v", command, err)
		}
		answers[n] = r
	}
	var calls sync.WaitGroup
	for n := range answers {
		command := c.honest
		if n == 0 {
			command = crime
		}
		calls.Go(func() { send(n, command) })
	}
	calls.Wait()
	if r, want := answers[0], c.crimes[crime]; r.Status >= 0 || want != 0 && r.Status != want {
		b.t.Errorf("%s: %d %q", crime, r.Status, r.Data)
	}
	send(0, c.honest)
	counted := map[string]bool{}
	for _, r := range answers {
		counted[fmt.Sprint(r.Status, " ", string(r.Data))] = true
	}
	for range answers {
		if honest++; !counted[fmt.Sprint("0 ", honest)] {
			b.t.Errorf("after %s nobody was told %d, but %v", crime, honest, counted)
		}
	}
	return honest
}

// sawTheSame compares what the replicas made of their entries, with so many commands
// in them, and wants each to have had one instance.
func sawTheSame(t *testing.T, saw map[raft.NodeID]*witnesses, commands int) {
	t.Helper()
	first, mixed := saw[1].told(), 0
	for _, entry := range first {
		n := strings.Count(entry, resultMark)
		commands -= n
		if bad := strings.Count(entry, resultMark+"-"); bad > 0 && bad < n {
			mixed++
		}
	}
	if commands != 0 {
		t.Errorf("%d commands are missing", commands)
	}
	for id, w := range saw {
		if w.opened != 1 {
			t.Errorf("node %v opened %d instances", id, w.opened)
		}
		if got := w.told(); !slices.Equal(got, first) {
			t.Errorf("node %v:\n%s\nnode 1:\n%s", id, strings.Join(got, "\n"), strings.Join(first, "\n"))
		}
	}
	t.Logf("%d entries, %d with guilty commands among others", len(first), mixed)
}
