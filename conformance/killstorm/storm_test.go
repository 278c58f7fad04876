package killstorm

import (
	"math/rand/v2"
	"testing"

	"github.com/wraft/wraft/conformance/cluster"
	"github.com/wraft/wraft/conformance/history"
)

// TestVictims: one, two and all are killed, each of them at some time.
func TestVictims(t *testing.T) {
	s := &storm{cfg: Config{Cluster: &cluster.Cluster{Nodes: []*cluster.Node{{ID: 1}, {ID: 2}, {ID: 3}}}}, rng: rand.New(rand.NewPCG(1, 0))}
	counts, hit := map[int]int{}, map[string]int{}
	for range 200 {
		victims := s.victims()
		counts[len(victims)]++
		seen := map[*cluster.Node]bool{}
		for _, n := range victims {
			if seen[n] {
				t.Fatalf("%v is killed twice at once", n.ID)
			}
			seen[n] = true
			hit[n.ID.String()]++
		}
	}
	for n := 1; n <= 3; n++ {
		if counts[n] < 20 {
			t.Errorf("%d of 200 blows meet %d nodes", counts[n], n)
		}
	}
	if len(hit) != 3 {
		t.Errorf("only %v were killed", hit)
	}
}

func TestLastLine(t *testing.T) {
	r := Result{Rounds: 20, Kills: 31, Reports: []*history.Report{
		{Ops: 4000, Answered: 3990, Lost: 1, Unknown: 3}, {Ops: 1000, Answered: 1000, Doubled: 2},
	}}
	if got, want := r.String(), "killstorm: rounds=20 ops=5000 lost=1 doubled=2 unknown=3"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
