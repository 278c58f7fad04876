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

// suite is the tests of a package, built with the bugs in them.
type suite struct {
	dir    string // of the package
	binary string
}

// buildSuite builds the tests of the core below root into a file in dir.
func buildSuite(root, dir string) (*suite, error) {
	s := &suite{dir: filepath.Join(root, "raft"), binary: filepath.Join(dir, "raft.test")}
	cmd := exec.Command("go", "test", "-c", "-tags", "mutants", "-o", s.binary, ".")
	cmd.Dir = s.dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build the tests: %w\n%s", err, out)
	}
	return s, nil
}

// red returns the tests that fail while a bug is planted, scripts by their file.
func (s *suite) red(id mutant.ID) ([]string, error) {
	var all []string
	for _, which := range [][]string{{"-test.run=^TestScripts$"}, {"-test.skip=^TestScripts$"}} {
		cmd := exec.Command(s.binary, append(which, "-test.v", "-test.short", "-test.timeout=60s")...)
		cmd.Dir = s.dir
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
