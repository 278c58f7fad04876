package plugins_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/wraft/wraft/internal/wasmtest"
	"github.com/wraft/wraft/plugins"
)

// gatherPair is a machine that makes a checkpoint behind every entry, and one that gathers
// them as it is told to.
type gatherPair struct {
	t            *testing.T
	plain, other *plugins.Instance
	logs         [2]bytes.Buffer
	index        uint64
}

func newGatherPair(t *testing.T, module []byte) *gatherPair {
	p := &gatherPair{t: t}
	config := func(n int) plugins.InstanceConfig {
		timeless := func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		}
		return plugins.InstanceConfig{Logger: slog.New(slog.NewTextHandler(&p.logs[n], &slog.HandlerOptions{Level: slog.LevelDebug, ReplaceAttr: timeless}))}
	}
	p.plain, p.other = start(t, shared, module, config(0)), start(t, shared, module, config(1))
	return p
}

// apply gives both the same entry and compares all that can be seen of it.
func (p *gatherPair) apply(commands ...string) {
	p.t.Helper()
	p.index++
	want, got := gather(p.t, p.plain, p.index, commands...), gather(p.t, p.other, p.index, commands...)
	if !slices.Equal(got, want) {
		p.t.Fatalf("entry %d of %q: got %q, want %q", p.index, commands, got, want)
	}
	if p.plain.FuelUsed() != p.other.FuelUsed() {
		p.t.Fatalf("entry %d of %q: took %d units of fuel, want %d", p.index, commands, p.other.FuelUsed(), p.plain.FuelUsed())
	}
	if fmt.Sprint(p.plain.Events()) != fmt.Sprint(p.other.Events()) {
		p.t.Fatalf("entry %d of %q: events %v, want %v", p.index, commands, p.other.Events(), p.plain.Events())
	}
}

// same compares the states, which settles, and what was logged.
func (p *gatherPair) same() {
	p.t.Helper()
	if stateHash(p.t, p.plain) != stateHash(p.t, p.other) {
		p.t.Fatalf("the states differ behind entry %d", p.index)
	}
	if err := p.other.Audit(); err != nil {
		p.t.Fatal(err)
	}
	if want, got := p.logs[0].String(), p.logs[1].String(); want != got {
		p.t.Fatalf("logged\n%s\nwant\n%s", got, want)
	}
}

// TestGatheredEntriesAreAsOthers applies entries of which some trap, some of them in the
// middle of a batch, and compares every result, what it cost, what was logged, and the
// state at random places with a machine that gathers nothing.
func TestGatheredEntriesAreAsOthers(t *testing.T) {
	for seed := range uint64(4) {
		chance := rand.New(rand.NewPCG(7, seed))
		p := newGatherPair(t, wasmtest.Slow(t))
		guilty := []float64{0, 0.003, 0.03, 0.5}[seed]
		for range 400 {
			switch chance.IntN(60) {
			case 0:
				if err := p.other.Settle(); err != nil {
					t.Fatal(err)
				}
			case 1:
				p.same()
			case 2, 3:
				p.other.Gather()
			}
			var commands []string
			for range 1 + chance.IntN(3) {
				command := fmt.Sprintf("add %d", chance.IntN(100))
				if chance.Float64() < guilty {
					command = "half way"
				}
				commands = append(commands, command)
			}
			p.apply(commands...)
		}
		p.same()
	}
}

// TestGatheredGrowthIsUndone grows memory in entries that trap, between ones that stand.
func TestGatheredGrowthIsUndone(t *testing.T) {
	p := newGatherPair(t, growing(-1))
	p.other.Gather()
	for range 20 {
		p.apply("Z")
		p.apply("Z")
		p.apply("G")
		p.apply("L")
	}
	p.same()
}

// imageOf is a full image of a machine.
func imageOf(t *testing.T, i *plugins.Instance) (string, error) {
	c, err := i.Capture(plugins.StateHash{})
	if err != nil {
		return "", err
	}
	defer c.Close()
	var b strings.Builder
	_, err = c.WriteTo(&b)
	return b.String(), err
}

// forkedAnswer asks a fork that was made before an entry, and refreshed behind it.
func forkedAnswer(t *testing.T, i *plugins.Instance) (string, error) {
	f, err := i.Fork(t.Context())
	if err != nil {
		return "", err
	}
	defer f.Release(t.Context())
	gather(t, i, 50, "add 5")
	for ready := false; !ready && err == nil; {
		ready, err = f.Refresh(1 << 20)
	}
	if err != nil {
		return "", err
	}
	r, err := f.Query([]byte("get"))
	return fmt.Sprint(r), err
}

// exportText is what a machine exports.
func exportText(t *testing.T, i *plugins.Instance) (string, error) {
	var b strings.Builder
	err := i.Export(t.Context(), &b)
	return b.String(), err
}

// TestEverythingSettles does each thing that looks at a state behind gathered entries and
// compares its outcome with that of a machine that gathered nothing.
func TestEverythingSettles(t *testing.T) {
	things := map[string]func(t *testing.T, i *plugins.Instance) (string, error){
		"capture": imageOf, "fork": forkedAnswer, "export": exportText,
		"hash": func(_ *testing.T, i *plugins.Instance) (string, error) {
			h, err := i.StateHash()
			return h.String(), err
		},
		"query": func(t *testing.T, i *plugins.Instance) (string, error) {
			r, err := i.Query(t.Context(), []byte("get"))
			return fmt.Sprint(r), err
		},
		"import": func(t *testing.T, i *plugins.Instance) (string, error) {
			state, err := exportText(t, i)
			gather(t, i, 60, "add 9")
			err = errors.Join(err, i.Import(t.Context(), plugins.Moment{Index: 100}, strings.NewReader(state), 0))
			image, again := imageOf(t, i)
			return image, errors.Join(err, again)
		},
		"retire": func(t *testing.T, i *plugins.Instance) (string, error) {
			r, err := i.Retire(t.Context())
			if err != nil {
				return "", err
			}
			var b strings.Builder
			err = errors.Join(r.Export(t.Context(), &b), r.Close(t.Context()))
			return b.String(), err
		},
	}
	for name, do := range things {
		p := newGatherPair(t, wasmtest.Slow(t))
		p.other.Gather()
		for k := range 6 {
			p.apply(fmt.Sprintf("add %d", k+1))
		}
		want, err := do(t, p.plain)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got, err := do(t, p.other); err != nil || got != want {
			t.Errorf("%s: behind gathered entries it is not what it is behind others (%v)", name, err)
		}
	}
}

// TestGatheredDamageIsNoticed flips a bit in what gathered calls go back to: done again
// they trap, which breaks the instance and is nobody's result.
func TestGatheredDamageIsNoticed(t *testing.T) {
	loop := wasmtest.NewMachine( // traps when the byte at 9000 is not zero, and on t
		wasmtest.I32Const(9000), wasmtest.I32Load8(0), wasmtest.If, wasmtest.Unreachable, wasmtest.End,
		wasmtest.LocalGet(0), wasmtest.I32Load8(8), wasmtest.I32Const('t'), wasmtest.I32Eq, wasmtest.If, wasmtest.Unreachable, wasmtest.End,
		result(0, 0, 8))
	i := start(t, shared, loop.Bytes(), plugins.InstanceConfig{})
	i.Gather()
	for k := range uint64(5) { // at first each gets a checkpoint
		gather(t, i, 1+k, "x")
	}
	i.FlipShadow(9000)
	i.FlipLive(9000)
	_, err := i.Apply(t.Context(), plugins.Moment{Index: 9}, [][]byte{[]byte("t")})
	if !errors.Is(err, plugins.ErrDamaged) || !errors.Is(err, plugins.ErrBroken) {
		t.Errorf("calls that trap when they are done again: %v", err)
	}
}
