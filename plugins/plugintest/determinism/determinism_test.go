package determinism_test

import (
	"context"
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
	}
	for _, g := range built {
		t.Run(g.Language, func(t *testing.T) {
			o, err := determinism.Play(ctx, determinism.Log{Seed: 1, Commands: commands}, g, determinism.Lives(trapped))
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
			t.Log(o.Line())
		})
	}
}
