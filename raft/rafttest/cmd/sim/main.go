// Command sim runs seeds of the core simulator until a number or a time is
// reached and prints a summary whose last line is stable:
//
//	sim: seeds=N violations=0 virtual_hours=H realtime_factor=F
//
// It exits 1 when a promise was broken, and then keeps the run in a file, which
// -replay runs again, with -trace to see what happens and with -shrink to look for
// less that breaks the same promise.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"time"

	"github.com/wraft/wraft/raft/rafttest/sim"
)

// gcPercent is how much garbage may lie beside what lives, instead of 100.
const gcPercent = 800

// options are the flags.
type options struct {
	seeds     int
	first     uint64
	derive    string
	budget    time.Duration
	virtual   time.Duration
	trace     bool
	artefacts string
	replay    string
	shrink    bool
}

func main() {
	var o options
	flag.IntVar(&o.seeds, "seeds", 200, "how many seeds to run")
	flag.Uint64Var(&o.first, "first", 1, "the first seed")
	flag.StringVar(&o.derive, "derive", "", "derive the seeds from this name, a commit say, instead of counting from -first")
	flag.DurationVar(&o.budget, "budget", 40*time.Second, "start no further seed after this time; end -shrink then")
	flag.DurationVar(&o.virtual, "virtual", 10*time.Minute, "virtual time of each seed")
	flag.BoolVar(&o.trace, "trace", false, "show the events of the first seed, and run no other")
	flag.StringVar(&o.artefacts, "artefacts", "", "where failing runs are kept; a new temporary directory by default")
	flag.StringVar(&o.replay, "replay", "", "run the scenario of this file")
	flag.BoolVar(&o.shrink, "shrink", false, "shrink a run that fails")
	flag.Parse()
	// Why: a run's memory is small and short-lived; collecting it often costs a
	// quarter of the time.
	debug.SetGCPercent(gcPercent)
	code, err := o.run(os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 2
	}
	os.Exit(code)
}

// run does what the flags ask for and returns the exit code.
func (o *options) run(out io.Writer) (int, error) {
	switch {
	case o.replay != "":
		return o.replayFile(out)
	case o.trace:
		o.seeds = 1
		return o.finish(out, []sim.Result{sim.Run(sim.Options{Seed: o.seed(0), Duration: o.virtual, Trace: out})}, time.Second)
	}
	begin := time.Now()
	results := o.runAll()
	return o.finish(out, results, time.Since(begin))
}

// seed returns the seed of a number.
func (o options) seed(number int) uint64 {
	if o.derive != "" {
		return sim.SeedOf(o.derive, number)
	}
	return o.first + uint64(number)
}

// replayFile runs a file's scenario and says whether it is the same run.
func (o *options) replayFile(out io.Writer) (int, error) {
	a, err := sim.ReadArtefact(o.replay)
	if err != nil {
		return 0, err
	}
	run := sim.Options{Scenario: &a.Scenario}
	if o.trace {
		run.Trace = out
	}
	begin := time.Now()
	r := sim.Run(run)
	took := time.Since(begin)
	if differs := a.Replays(r); differs != "" {
		fmt.Fprintf(out, "replay: %s\n", differs)
	} else {
		fmt.Fprintf(out, "replay: the same run, hash %s\n", a.Hash)
	}
	return o.finish(out, []sim.Result{r}, took)
}

// commit is the version this command was built from, when that is known.
func commit() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value
		}
	}
	return ""
}
