package sim

import (
	"fmt"
	"os"
	"testing"

	"github.com/wraft/wraft/raft/mutant"
)

// TestMain plants the bug that WRAFT_MUTANT names, in a build with the tag mutants:
// then some test here has to fail.
func TestMain(m *testing.M) {
	if id := os.Getenv("WRAFT_MUTANT"); id != "" {
		if err := mutant.Plant(mutant.ID(id)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
	}
	os.Exit(m.Run())
}
