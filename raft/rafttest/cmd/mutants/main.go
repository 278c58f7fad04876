// Command mutants plants one bug after the other, in a build with the tag
// "mutants", and says what catches each: the simulator, with how many seeds and
// what broken promise, and which scripts and tests of the core turn red. Its last
// line is stable:
//
//	mutants: caught=30/30 median_seeds=N
//
// It exits 1 when the simulator or the tests let a bug escape, or when they find
// one that was not planted.
package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"hash/fnv"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/wraft/wraft/raft/mutant"
)

// options are the flags.
type options struct {
	only    string
	count   int
	commit  string
	most    int
	first   uint64
	virtual time.Duration
	update  bool
}

func main() {
	var o options
	flag.StringVar(&o.only, "only", "", "plant only these bugs, separated by commas")
	flag.IntVar(&o.count, "count", 0, "plant only that many bugs, chosen by -commit; 0: all")
	flag.StringVar(&o.commit, "commit", "", "what chooses them")
	flag.IntVar(&o.most, "seeds", 1000, "how many seeds each bug gets")
	flag.Uint64Var(&o.first, "first", 1, "the first seed")
	flag.DurationVar(&o.virtual, "virtual", 10*time.Minute, "virtual time of each seed")
	flag.BoolVar(&o.update, "update", false, "write the table in docs/TESTING.md")
	flag.Parse()
	if err := run(os.Stdout, o); err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

// run plants the bugs and reports; an error says that one escaped.
func run(out io.Writer, o options) error {
	chosen, err := choose(o.only)
	if err != nil {
		return err
	}
	if o.update && (o.only != "" || o.count > 0) {
		return errors.New("the table is of all bugs: -update goes with neither -only nor -count")
	}
	if o.count > 0 {
		chosen = sample(chosen, o.count, o.commit)
	}
	root, err := repository()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "mutants")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	tests, err := buildSuite(root, dir)
	if err != nil {
		return err
	}
	if red, err := tests.red(""); err != nil || len(red) > 0 {
		return errors.Join(err, fmt.Errorf("tests are red without a planted bug: %s", strings.Join(red, " ")))
	}
	var findings []finding
	for _, m := range chosen {
		f, err := examine(m, tests, o)
		if err != nil {
			return err
		}
		fmt.Fprintln(out, f)
		findings = append(findings, f)
	}
	if o.update {
		if err := updateTable(filepath.Join(root, "docs", "TESTING.md"), findings); err != nil {
			return err
		}
	}
	return summary(out, findings)
}

// examine plants one bug and lets simulator and tests look for it.
func examine(m mutant.Mutant, tests suite, o options) (finding, error) {
	if err := mutant.Plant(m.ID); err != nil {
		return finding{}, err
	}
	f := finding{Mutant: m}
	f.catch = hunt(func(seed uint64) error { return runSeed(seed, o.virtual) }, o.first, o.most, runtime.GOMAXPROCS(0))
	if err := mutant.Plant(""); err != nil {
		return finding{}, err
	}
	if f.Seeds > 0 {
		seed := o.first + uint64(f.Seeds-1)
		if err := runSeed(seed, o.virtual); err != nil {
			return finding{}, fmt.Errorf("seed %d fails without a planted bug: %w", seed, err)
		}
	}
	var err error
	f.tests, err = tests.red(m.ID)
	return f, err
}

// choose returns the bugs of a list of names, all for an empty one.
func choose(names string) ([]mutant.Mutant, error) {
	all := mutant.All()
	if names == "" {
		return all, nil
	}
	var chosen []mutant.Mutant
	for name := range strings.SplitSeq(names, ",") {
		at := slices.IndexFunc(all, func(m mutant.Mutant) bool { return string(m.ID) == name })
		if at < 0 {
			return nil, fmt.Errorf("%q: %w", name, mutant.ErrUnknown)
		}
		chosen = append(chosen, all[at])
	}
	return chosen, nil
}

// sample returns count of the bugs, which of them depends on the commit: in the
// long run all get their turn.
func sample(all []mutant.Mutant, count int, commit string) []mutant.Mutant {
	order := func(m mutant.Mutant) uint64 {
		h := fnv.New64a()
		fmt.Fprintf(h, "%s %s", m.ID, commit)
		return h.Sum64()
	}
	chosen := slices.Clone(all)
	slices.SortFunc(chosen, func(a, b mutant.Mutant) int { return cmp.Compare(order(a), order(b)) })
	return chosen[:min(count, len(chosen))]
}

// repository returns the folder of the module that the command runs in.
func repository() (string, error) {
	out, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		return "", err
	}
	file := strings.TrimSpace(string(out))
	if filepath.Base(file) != "go.mod" {
		return "", errors.New("run it inside the repository")
	}
	return filepath.Dir(file), nil
}
