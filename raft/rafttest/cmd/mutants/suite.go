package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/wraft/wraft/raft/mutant"
)

// plantVariable tells a test binary which bug to plant.
const plantVariable = "WRAFT_MUTANT"

// suite is the tests that may turn red, built with the bugs in them.
type suite []part

// part is tests of one package.
type part struct {
	dir    string // of the package
	binary string
	choice string // flag of the test binary
}

// parts are the core's scripts, its other tests, and those of the machine that
// the simulator replicates.
var parts = suite{
	{"raft", "raft.test", "-test.run=^TestScripts$"},
	{"raft", "raft.test", "-test.skip=^TestScripts$"},
	{"raft/rafttest/sim", "sim.test", "-test.run=^TestMachine"},
}

// buildSuite builds the tests below root into files in dir.
func buildSuite(root, dir string) (suite, error) {
	var s suite
	for _, p := range parts {
		p.dir, p.binary = filepath.Join(root, p.dir), filepath.Join(dir, p.binary)
		cmd := exec.Command("go", "test", "-c", "-tags", "mutants", "-o", p.binary, ".")
		cmd.Dir = p.dir
		if out, err := cmd.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("build the tests: %w\n%s", err, out)
		}
		s = append(s, p)
	}
	return s, nil
}

// red returns the tests that fail while a bug is planted, scripts by their file.
func (s suite) red(id mutant.ID) ([]string, error) {
	var all []string
	for _, p := range s {
		cmd := exec.Command(p.binary, p.choice, "-test.v", "-test.short", "-test.timeout=60s")
		cmd.Dir = p.dir
		cmd.Env = append(os.Environ(), plantVariable+"="+string(id))
		out, err := cmd.CombinedOutput()
		names := failures(out)
		if exit := (*exec.ExitError)(nil); err != nil && (!errors.As(err, &exit) || len(names) == 0) {
			return nil, fmt.Errorf("tests with %s: %w\n%s", id, err, out[:min(len(out), 2000)])
		}
		all = append(all, names...)
	}
	return all, nil
}

// failed is a line of a verbose test run that names a test that failed.
var failed = regexp.MustCompile(`(?m)^\s*--- FAIL: (\S+)`)

// failures returns the tests that failed, ascending. A test with failed parts is
// named by them alone.
func failures(out []byte) []string {
	var names []string
	for _, m := range failed.FindAllSubmatch(bytes.ReplaceAll(out, []byte("\r"), nil), -1) {
		names = append(names, string(m[1]))
	}
	parents := func(name string) bool {
		return slices.ContainsFunc(names, func(o string) bool { return strings.HasPrefix(o, name+"/") })
	}
	names = slices.DeleteFunc(slices.Clone(names), parents)
	for i, name := range names {
		if script, ok := strings.CutPrefix(name, "TestScripts/"); ok {
			names[i] = script + ".txt"
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
