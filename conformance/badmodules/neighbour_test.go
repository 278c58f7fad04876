package badmodules

import (
	"context"
	"log/slog"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	wt "github.com/wraft/wraft/internal/wasmtest"
	"github.com/wraft/wraft/plugins"
)

// neighbours are machines that do their worst in every command.
func neighbours() map[string]weak {
	flood := wt.Join(wt.I32Const(1), wt.I32Const(0), wt.I32Const(1000), wt.Call(firstImport))
	grow := wt.Join(wt.I32Const(400), wt.MemoryGrow(), wt.Drop, store(20<<20, wt.I32Const(1)), wt.Unreachable)
	return map[string]weak{
		"loops": {apply: forever()},
		"grows": {apply: grow},
		"logs":  {apply: forever(flood), imports: []imported{{"wraft", "log", "iii", ""}}},
		"traps": {apply: wt.Unreachable},
	}
}

// neighbourFuel lasts for some tenths of a second.
const neighbourFuel = 200_000_000

// street is an engine with a good machine and a goroutine per bad one.
type street struct {
	engine *plugins.Engine
	good   *plugins.Instance
	stop   chan struct{}
	done   sync.WaitGroup
}

func newStreet(t *testing.T) *street {
	t.Helper()
	e, err := plugins.NewEngine(plugins.Config{})
	if err != nil {
		t.Fatal(err)
	}
	s := &street{engine: e, stop: make(chan struct{})}
	s.good = s.machine(t, weak{})
	return s
}

func (s *street) machine(t *testing.T, w weak) *plugins.Instance {
	t.Helper()
	m, err := s.engine.Compile(t.Context(), w.bytes())
	if err != nil {
		t.Fatal(err)
	}
	l := limits
	l.FuelCommandMax = neighbourFuel
	i, err := s.engine.NewInstance(t.Context(), m, plugins.InstanceConfig{Limits: l, Logger: slog.New(&logCount{})})
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// moveIn starts a bad machine that gets one bad command after the other.
func (s *street) moveIn(t *testing.T, w weak) {
	i := s.machine(t, w)
	s.done.Go(func() {
		defer i.Close(context.Background())
		for index := uint64(1); ; index++ {
			select {
			case <-s.stop:
				return
			default:
			}
			if _, err := i.Apply(context.Background(), plugins.Moment{Index: index}, [][]byte{one}); err != nil {
				t.Error(err)
				return
			}
		}
	})
}

func (s *street) close(t *testing.T) {
	close(s.stop)
	s.done.Wait()
	if err := s.good.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if err := s.engine.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

// commands of the good machine come as fast as it answers, each with garbage as a
// node makes it, so that it is collected now and then.
func (s *street) p99(t *testing.T, commands int) time.Duration {
	t.Helper()
	var garbage [][]byte
	took := make([]time.Duration, commands)
	for k := range took {
		garbage = append(garbage[:min(len(garbage), 100)], make([]byte, 16<<10))
		before := time.Now()
		rs, err := s.good.Apply(t.Context(), plugins.Moment{Index: uint64(k + 1)}, [][]byte{{good}})
		if took[k] = time.Since(before); err != nil || rs[0].Status != 0 {
			t.Fatalf("%v, %v", rs, err)
		}
	}
	slices.Sort(took)
	return took[len(took)*99/100]
}

// TestAGoodMachineBesideABadOne: while one bad machine is busy all the time, a good
// one gets its turn. What must hold on any machine is that the good one is not held up
// for as long as a bad command lasts; the ratio of its p99 is printed.
func TestAGoodMachineBesideABadOne(t *testing.T) {
	if testing.Short() {
		t.Skip("measures")
	}
	rounds, commands := 1, 2_000
	if os.Getenv("WRAFT_NEIGHBOURS") != "" {
		rounds, commands = 5, 20_000
	}
	all := neighbours()
	for _, what := range sorted(all) {
		var ratios []float64
		for range rounds {
			alone := newStreet(t)
			quiet := alone.p99(t, commands)
			alone.close(t)
			s := newStreet(t)
			s.moveIn(t, all[what])
			before := time.Now()
			busy := s.p99(t, commands)
			if mean := time.Since(before) / time.Duration(commands); mean > 50*time.Millisecond {
				t.Errorf("%s: a good command takes %v beside it", what, mean)
			}
			s.close(t)
			ratios = append(ratios, float64(busy)/float64(quiet))
		}
		slices.Sort(ratios)
		t.Logf("neighbour that %s: p99 %.2f times as long, median of %d", what, ratios[len(ratios)/2], rounds)
	}
}
