package peers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Wraft is this system among the lab's.
const Wraft = "wraft"

// Config says what to measure.
type Config struct {
	// Lab is the folder whose folder peers holds the lab's sources. Required unless only
	// Wraft is measured.
	Lab string
	// Dir is an empty folder for everything that is written, on a real disk. Required.
	Dir string
	// Systems are measured in this order; all but Wraft are names of the lab's.
	Systems []string
	// Ops are the operations, write or read, and Clients how many send at once. Each system
	// gets all clients of the first operation, and then those of the next.
	Ops     []string
	Clients []int
	// Duration is measured for each load, after Warmup, which is not.
	Duration, Warmup time.Duration
	// Rounds is how often each system has its turn. At least 1.
	Rounds int
	// ForeignMax is how many cores other processes may use during a load; above, it is
	// repeated up to Retries times, and the quietest one counts.
	ForeignMax float64
	Retries    int
	// Guest is the folder of the kv machine that wraft runs, relative to the repository's root.
	Guest string
	// Profiles is a folder for CPU profiles of wraft's nodes, OP-CLIENTS-NODE.pprof for each load;
	// empty: none are taken.
	Profiles string
	// Out gets a line of JSON for each load as soon as it has ended. Required.
	Out io.Writer
	// Log takes a line for whoever waits. Required.
	Log func(format string, args ...any)
}

// Validate joins all problems of the configuration.
func (c Config) Validate() error {
	var problems []error
	if len(c.Systems) == 0 || len(c.Ops) == 0 || len(c.Clients) == 0 {
		problems = append(problems, errors.New("peers: there must be systems, operations and clients"))
	}
	for _, op := range c.Ops {
		if op != "write" && op != "read" {
			problems = append(problems, fmt.Errorf("peers: operation %q: use write or read", op))
		}
	}
	for _, n := range c.Clients {
		if n < 1 {
			problems = append(problems, fmt.Errorf("peers: %d clients: at least 1", n))
		}
	}
	if c.Duration <= 0 || c.Warmup < 0 || c.Rounds < 1 || c.Retries < 0 {
		problems = append(problems, errors.New("peers: the duration must be above 0, rounds at least 1, and nothing negative"))
	}
	return errors.Join(problems...)
}

// others reports whether the lab is needed.
func (c Config) others() bool {
	return slices.ContainsFunc(c.Systems, func(s string) bool { return s != Wraft })
}

// run is a comparison under way.
type run struct {
	cfg                      Config
	lab                      string // the lab's program
	wraftd, module, compiled string
	lines                    []Line
}

// Run measures and returns a line per load. A system that fails in a round is in the error,
// and the others go on; lines are there beside an error as well.
func Run(ctx context.Context, cfg Config) ([]Line, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	r := &run{cfg: cfg}
	if err := r.build(ctx); err != nil {
		return nil, err
	}
	var problems []error
	for round := range cfg.Rounds {
		for _, system := range cfg.Systems {
			cfg.Log("round %d: %s", round+1, system)
			measure := r.labSystem
			if system == Wraft {
				measure = r.wraft
			}
			if err := measure(ctx, system, round); err != nil {
				problems = append(problems, fmt.Errorf("peers: round %d: %s: %w", round+1, system, err))
				cfg.Log("round %d: %s failed: %v", round+1, system, err)
			}
			if ctx.Err() != nil {
				return r.lines, errors.Join(problems...)
			}
		}
	}
	return r.lines, errors.Join(problems...)
}

// build compiles what is measured.
func (r *run) build(ctx context.Context) error {
	if r.cfg.others() {
		r.cfg.Log("building the lab")
		if err := r.buildLab(ctx); err != nil {
			return err
		}
	}
	if !slices.Contains(r.cfg.Systems, Wraft) {
		return nil
	}
	r.cfg.Log("building wraft")
	return r.buildWraft(ctx)
}

// note keeps a line.
func (r *run) note(l Line) error {
	r.lines = append(r.lines, l)
	r.cfg.Log("  %-5s %3d clients: %7.0f/s, p50 %.2f ms, p99 %.2f ms", l.Op, l.Clients, l.OpsPerSec, l.P50US/1000, l.P99US/1000)
	return json.NewEncoder(r.cfg.Out).Encode(l)
}

// HasLab returns why a folder is none of the lab, or nil.
func HasLab(folder string) error {
	if folder == "" {
		return errors.New("WRAFT_LAB does not name the folder of the other systems' lab")
	}
	if _, err := os.Stat(filepath.Join(folder, labFolder, "go.mod")); err != nil {
		return fmt.Errorf("there is no lab in WRAFT_LAB: %w", err)
	}
	return nil
}

// joined is a list as the programs' flags have it.
func joined[T any](list []T) string {
	texts := make([]string, len(list))
	for i, v := range list {
		texts[i] = fmt.Sprint(v)
	}
	return strings.Join(texts, ",")
}
