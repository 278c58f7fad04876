package raft_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	"github.com/wraft/wraft/raft/rafttest"
)

// TestScripts plays the scenarios in testdata. Each file is one cluster; a block
// is a list of commands and, behind ----, what they show. -rewrite writes the
// latter anew; what the expect commands state is checked all the same.
func TestScripts(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		env := rafttest.NewEnvironment()
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			lines := append([]string{firstLine(d)}, strings.Split(d.Input, "\n")...)
			out, err := env.Run(lines)
			if err != nil {
				t.Fatalf("%s: %v\nshown so far:\n%s", d.Pos, err, out)
			}
			return out
		})
	})
}

// firstLine puts together again what datadriven took apart.
func firstLine(d *datadriven.TestData) string {
	line := d.Cmd
	for _, arg := range d.CmdArgs {
		line += " " + arg.Key
		if len(arg.Vals) > 0 {
			line += fmt.Sprintf("=%s", strings.Join(arg.Vals, ","))
		}
	}
	return line
}
