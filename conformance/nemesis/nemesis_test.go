package nemesis

import (
	"context"
	"hash/fnv"
	"os"
	"strconv"
	"testing"
	"time"
)

// budget is how long trouble lasts: WRAFT_NEMESIS, a duration.
func budget(t *testing.T) time.Duration {
	t.Helper()
	text := os.Getenv("WRAFT_NEMESIS")
	if text == "" {
		return 20 * time.Second
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		t.Fatalf("WRAFT_NEMESIS=%q is no duration above 0", text)
	}
	return d
}

// seed is WRAFT_NEMESIS_SEED, or else follows from the commit's name in it.
func seed() uint64 {
	text := os.Getenv("WRAFT_NEMESIS_SEED")
	if n, err := strconv.ParseUint(text, 10, 64); err == nil {
		return n
	}
	h := fnv.New64a()
	h.Write([]byte(text))
	return h.Sum64()
}

// TestNemesis: a cluster under all kinds of trouble keeps its promises.
func TestNemesis(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes")
	}
	lasts, s := budget(t), seed()
	t.Logf("repeat with: make nemesis BUDGET=%v NEMESIS_SEED=%d", lasts, s)
	ctx, cancel := context.WithTimeout(t.Context(), lasts+8*time.Minute)
	defer cancel()
	r, err := Run(ctx, Config{Dir: t.TempDir(), Lasts: lasts, Seed: s, Log: t.Logf})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range r.Problems {
		t.Error(p)
	}
	t.Log(r.Struck)
	t.Log("took effect: ", r.Acts)
	t.Log(r)
}

// TestNemesisSeesPlantedBugs: with a bug in the nodes the same judgement finds a history that
// no cluster may have.
func TestNemesisSeesPlantedBugs(t *testing.T) {
	if os.Getenv("WRAFT_NEMESIS_PLANTED") == "" {
		t.Skip("for the long suites: it builds wraftd with bugs in it; WRAFT_NEMESIS_PLANTED=1 runs it")
	}
	for _, c := range []struct {
		bug    string
		faults []string
		broken func(Result) int
	}{
		// A leader answers reads though another one leads already.
		{"read-quorum-off-by-one", []string{"late news"}, func(r Result) int { return r.Illegal }},
		// A leader acknowledges what no other node has: who comes back after it lacks it.
		{"commit-quorum-off-by-one", []string{"mute leader"}, func(r Result) int { return r.Lost }},
	} {
		t.Run(c.bug, func(t *testing.T) { notice(t, c.bug, c.faults, c.broken) })
	}
}

// plantedTries is how many runs a bug gets: on a machine that is busy with other things clients
// may do next to nothing in one.
const plantedTries = 3

// notice plants a bug and wants the history to be broken.
func notice(t *testing.T, bug string, faults []string, broken func(Result) int) {
	for try := range uint64(plantedTries) {
		ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
		r, err := Run(ctx, Config{Dir: t.TempDir(), Lasts: 12 * time.Second, Seed: seed() + try, Bug: bug, Log: t.Logf, Faults: faults})
		cancel()
		if err != nil {
			t.Fatal(err)
		}
		t.Log(r)
		if !r.OK() && broken(r) > 0 {
			return
		}
	}
	t.Errorf("%s passes", bug)
}
