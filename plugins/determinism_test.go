package plugins_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/wraft/wraft/internal/wasmtest"
	"github.com/wraft/wraft/plugins"
)

func TestReplicasStayEqual(t *testing.T) {
	// The second replica also answers queries between entries.
	a := start(t, shared, wasmtest.Slow(t), plugins.InstanceConfig{})
	b := start(t, shared, wasmtest.Slow(t), plugins.InstanceConfig{})
	verbs := []string{"add %d", "order", "random %d", "now", "sleep %d", "grow 0", "panic %d", "fail 3", "spin %d", "env", "half %d"}
	chance := rand.New(rand.NewPCG(1, 2))
	for index := uint64(1); index <= 300; index++ {
		commands := make([]string, 1+chance.IntN(4))
		for k := range commands {
			verb := verbs[chance.IntN(len(verbs))]
			commands[k] = strings.ReplaceAll(verb, "%d", fmt.Sprint(chance.IntN(50)))
		}
		fromA, fromB := apply(t, a, index, commands...), apply(t, b, index, commands...)
		if !slices.Equal(fromA, fromB) {
			t.Fatalf("entry %d %q: %q and %q", index, commands, fromA, fromB)
		}
		if chance.IntN(4) == 0 {
			if _, err := b.Query(context.Background(), []byte("order")); err != nil {
				t.Fatal(err)
			}
		}
		if index%50 == 0 && stateHash(t, a) != stateHash(t, b) {
			t.Fatalf("state differs after entry %d", index)
		}
	}
}

func TestClockIsLogTime(t *testing.T) {
	i := start(t, shared, wasmtest.Slow(t), plugins.InstanceConfig{Created: plugins.Moment{Index: 1, Time: 500}})
	ctx := context.Background()
	at := func(index uint64, time int64, command string) string {
		t.Helper()
		r, err := i.Apply(ctx, plugins.Moment{Index: index, Time: time}, [][]byte{[]byte(command)})
		if err != nil {
			t.Fatal(err)
		}
		return texts(r)[0]
	}
	for _, step := range []struct {
		time          int64
		command, want string
	}{
		{1000, "now", "0 1000 1000"},
		{1000, "now", "0 1000 1000"},
		{1500, "now", "0 1500 1500"},
		{900, "now", "0 1500 1500"},                  // a log that goes back does not
		{2000, "sleep 700", "0 2700 2700"},           // sleeping takes no time but moves the clock
		{2100, "now", "0 2700 2700"},                 // which stays ahead
		{2200, "half x", "-1 unreachable: panic: x"}, // slept an hour before it trapped
		{2800, "now", "0 2800 2800"},
		{2800, "index", "0 9"},
	} {
		if got := at(9, step.time, step.command); got != step.want {
			t.Errorf("%s at %d: got %q, want %q", step.command, step.time, got, step.want)
		}
	}
}

func TestRandomIsAFunctionOfSeedAndEntry(t *testing.T) {
	draw := func(seed byte, index uint64, commands ...string) []string {
		i := start(t, shared, wasmtest.Slow(t), plugins.InstanceConfig{Seed: [32]byte{seed}})
		return apply(t, i, index, commands...)
	}
	base := draw(1, 5, "random 16")
	if again := draw(1, 5, "random 16"); !slices.Equal(base, again) {
		t.Errorf("same seed and entry: %q and %q", base, again)
	}
	for name, other := range map[string][]string{"seed": draw(2, 5, "random 16"), "index": draw(1, 6, "random 16")} {
		if slices.Equal(base, other) {
			t.Errorf("another %s draws the same bytes", name)
		}
	}
	if two := draw(1, 5, "random 16", "random 16"); two[0] == two[1] || two[0] != base[0] {
		t.Errorf("two draws in an entry: %q, alone: %q", two, base)
	}
}

func TestGuestsSeeNoOutsideWorld(t *testing.T) {
	i := start(t, shared, wasmtest.Slow(t), plugins.InstanceConfig{})
	got := apply(t, i, 1, "env")[0]
	if !strings.HasPrefix(got, "0 args 0, environment 0, file open /etc/passwd: ") {
		t.Errorf("got %q", got)
	}
}
