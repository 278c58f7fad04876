package determinism_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/wraft/wraft/plugins/plugintest/determinism"
	"github.com/wraft/wraft/plugins/plugintest/guests"
)

func TestLivesAreTheSame(t *testing.T) {
	ctx := context.Background()
	root, err := guests.Root()
	if err != nil {
		t.Fatal(err)
	}
	built, untested, err := guests.Build(ctx, root, "kv")
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range untested {
		t.Logf("untested: %s", u)
	}
	commands, trapped := 5000, 300
	if testing.Short() {
		commands, trapped = 1000, 30
		built = smallest(built)
	}
	lives := determinism.Lives(trapped)
	for _, g := range built {
		t.Run(g.Language, func(t *testing.T) {
			o, err := determinism.Play(ctx, determinism.Log{Seed: 1, Commands: commands}, g, lives)
			if err != nil {
				t.Fatal(err)
			}
			for n, m := range o.Mismatches {
				if n == 10 {
					t.Errorf("and %d more", len(o.Mismatches)-n)
					break
				}
				t.Error(m)
			}
			for _, guilty := range []int{0, 1, 2, 64} {
				t.Run(fmt.Sprintf("entries of 64 with %d guilty commands are the model's", guilty), func(t *testing.T) {
					if n := o.Full[guilty]; n.Entries < len(lives) || n.Wrong > 0 {
						t.Errorf("%d of %d entries are not", n.Wrong, n.Entries)
					}
				})
			}
			t.Log(o.Line())
		})
	}
}

// smallest leaves the guests that compile fast; those of a garbage-collected
// language with a runtime of megabytes take seconds.
func smallest(built []guests.Guest) []guests.Guest {
	const smallBytes = 1 << 19
	small := slices.DeleteFunc(slices.Clone(built), func(g guests.Guest) bool { return len(g.Binary) > smallBytes })
	if len(small) == 0 {
		return built
	}
	return small
}
