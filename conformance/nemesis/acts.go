package nemesis

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// What an operator does while other things go wrong may be refused, or take too long: then
// it is as if it had not been asked. What was begun and not finished goes on by itself.
// It is counted what took effect, and what never did has to once trouble is over: otherwise
// a run would say nothing of transfers that are always refused.

const (
	// operateTimeout bounds what an operator waits for.
	operateTimeout = 2 * time.Second
	// provePause is between two tries of what has to take effect.
	provePause = 100 * time.Millisecond
)

// Act counts what an operator did of a kind.
type Act struct {
	Asked, Took int // how often it was asked for, and how often the answer was that it is done
	last        error
}

// acts are those of a run, by name.
type acts map[string]*Act

// String is "demote 3 of 4, transfer 5 of 7": what took effect of what was asked for.
func (a acts) String() string {
	var words []string
	for _, name := range slices.Sorted(maps.Keys(a)) {
		words = append(words, fmt.Sprintf("%s %d of %d", name, a[name].Took, a[name].Asked))
	}
	return strings.Join(words, ", ")
}

// count notes what came of an act.
func (a acts) count(name string, err error) {
	if a[name] == nil {
		a[name] = &Act{}
	}
	a[name].Asked++
	a[name].last = err
	if err == nil {
		a[name].Took++
	}
}

// never is the first of some acts that were asked for and never took effect, or "".
func (a acts) never(names []string) string {
	for _, name := range names {
		if act := a[name]; act != nil && act.Took == 0 {
			return name
		}
	}
	return ""
}

// operate does something through the API and counts what came of it.
func (n *nemesis) operate(ctx context.Context, what string, do func(context.Context) error) {
	ctx, cancel := context.WithTimeout(ctx, n.haste)
	defer cancel()
	err := do(ctx)
	n.acts.count(what, err)
	if err != nil {
		n.log("  %s: %v", what, err)
	}
}

// proveActs wants every act that was asked for to take effect, if not in trouble then in a whole
// cluster, which has as long for it as for all else.
func (n *nemesis) proveActs(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, n.patience)
	defer cancel()
	n.haste = n.patience
	var errs []error
	for _, t := range n.kinds {
		errs = append(errs, n.proveAct(ctx, t))
	}
	return errors.Join(errs...)
}

// proveAct does what a trouble does until each of its acts took effect once.
func (n *nemesis) proveAct(ctx context.Context, t trouble) error {
	for {
		name := n.acts.never(t.acts)
		if name == "" {
			return nil
		}
		n.log("%s, since no %s took effect", t.name, name)
		end, err := t.begin(n, ctx)
		if err == nil {
			err = end()
		}
		if errors.Join(err, pauseFor(ctx, provePause)) != nil {
			act := n.acts[name]
			return fmt.Errorf("nemesis: %s: %d were asked for and none took effect, at last in a whole cluster: %w", name, act.Asked, errors.Join(err, act.last))
		}
	}
}
