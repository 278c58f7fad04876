package nemesis

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

// TestActsThatNeverTakeEffectAreAProblem, and those that took effect once are not tried again.
func TestActsThatNeverTakeEffectAreAProblem(t *testing.T) {
	refused := errors.New("not here")
	tried := map[string]int{}
	act := func(name string, works func(try int) bool) trouble {
		return trouble{name: name, acts: []string{name}, begin: func(n *nemesis, ctx context.Context) (func() error, error) {
			n.operate(ctx, name, func(context.Context) error {
				if tried[name]++; works(tried[name]) {
					return nil
				}
				return refused
			})
			return nothing, nil
		}}
	}
	always := act("always", func(int) bool { return true })
	late := act("late", func(try int) bool { return try == 3 })
	idle := act("idle", func(int) bool { return false })
	never := act("never", func(int) bool { return false })

	n := &nemesis{acts: acts{}, log: t.Logf, haste: operateTimeout, patience: time.Minute, kinds: []trouble{always, late, idle}}
	for _, k := range []trouble{always, late} {
		if _, err := k.begin(n, t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if err := n.proveActs(t.Context()); err != nil {
		t.Errorf("all that was asked for works in the end: %v", err)
	}
	if got := n.acts.String(); got != "always 1 of 1, late 1 of 3" || tried["idle"] != 0 {
		t.Errorf("%s; what nobody asked for was tried %d times", got, tried["idle"])
	}
	n.kinds, n.patience = append(n.kinds, never), time.Millisecond
	if _, err := never.begin(n, t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := n.proveActs(t.Context()); !errors.Is(err, refused) || !strings.Contains(err.Error(), "never: ") {
		t.Errorf("what never takes effect passes: %v", err)
	}
}
