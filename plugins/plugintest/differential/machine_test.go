package differential_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/wraft/wraft/internal/toolchain"
	"github.com/wraft/wraft/internal/wasmtest"
	"github.com/wraft/wraft/plugins/plugintest/bare"
	"github.com/wraft/wraft/plugins/plugintest/differential"
	"github.com/wraft/wraft/plugins/plugintest/kvmodel"
)

// entries are the entries that a machine gets, of 1 to 64 commands.
func entries(machine string, n int) (out [][][]byte) {
	corpus, chance := kvmodel.NewCorpus(5), rand.New(rand.NewPCG(5, 5))
	for range n {
		commands := make([][]byte, corpus.EntrySize())
		for k := range commands {
			if commands[k] = corpus.Step().Bytes; machine == "counter" {
				commands[k] = []byte([]string{"incr", "get", "decr", fmt.Sprint("add ", int64(chance.Uint64())>>chance.IntN(64))}[chance.IntN(4)])
			}
		}
		out = append(out, commands)
	}
	return out
}

// TestMachinesOfAllToolchains compares what the compilers of all languages make as
// it is with what the pass makes of it. The counters are interpreted, since the
// engine compiles half of Go's runtime with each of its machines.
func TestMachinesOfAllToolchains(t *testing.T) {
	for _, language := range toolchain.Languages() {
		for _, machine := range wasmtest.Machines {
			t.Run(language+"/"+machine, func(t *testing.T) {
				if testing.Short() && language == "go" {
					t.Skip("compiles a runtime of megabytes")
				}
				binary := wasmtest.Example(t, language, machine)
				c := bare.Config{Interpreted: machine == "counter", MemoryPagesMax: 1024}
				if err := differential.Machine(t.Context(), binary, entries(machine, 150), c); err != nil {
					t.Error(err)
				}
			})
		}
	}
}
