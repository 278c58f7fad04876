package differential_test

import (
	"math/rand/v2"
	"testing"

	"github.com/wraft/wraft/plugins/plugintest/differential"
)

// draws are the choices of one generated module.
func draws(seed uint64, n int) []byte {
	chance := rand.New(rand.NewPCG(seed, 11))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(chance.Uint32())
	}
	return b
}

func TestGeneratedModules(t *testing.T) {
	modules := uint64(400)
	if testing.Short() {
		modules = 60
	}
	for seed := range modules {
		choices := draws(seed, 100+int(seed*13)%2400)
		if err := differential.Meaning(choices); err != nil {
			t.Errorf("meaning, seed %d: %v", seed, err)
		}
		if err := differential.Bits(choices); err != nil {
			t.Errorf("bits, seed %d: %v", seed, err)
		}
		if t.Failed() && seed > 20 {
			return
		}
	}
}

const choicesMax = 3000

func FuzzMeaning(f *testing.F) { fuzz(f, differential.Meaning) }

func FuzzBits(f *testing.F) { fuzz(f, differential.Bits) }

func fuzz(f *testing.F, check func([]byte) error) {
	for seed := range uint64(20) {
		f.Add(draws(seed, 500))
	}
	f.Fuzz(func(t *testing.T, choices []byte) {
		if len(choices) > choicesMax {
			return
		}
		if err := check(choices); err != nil {
			t.Fatal(err)
		}
	})
}
