package abi

import (
	"math/rand/v2"
	"slices"
)

// corpus is where inputs come from: those that mean something to the machine, and
// made-up ones.
type corpus struct {
	commands, queries [][]byte
	// known says that some inputs mean something to the machine.
	known bool
	seed  uint64
}

// words are inputs that machines often know, for modules that come alone.
var words = []string{"", "get", "incr", "add 1", "set a 1", "put a 1", "get a", "delete a", "{}", "[]", "null", "0", "\x00", "\xf6"}

func newCorpus(s Subject, seed uint64) *corpus {
	c := &corpus{seed: seed, commands: slices.Clone(s.Commands), queries: slices.Clone(s.Queries)}
	for _, f := range s.Scenarios {
		c.commands = append(c.commands, f.Commands()...)
		c.queries = append(c.queries, f.Queries()...)
	}
	c.known = len(c.commands) > 0
	rng := c.rand(0)
	if !c.known {
		for _, w := range words {
			c.commands = append(c.commands, []byte(w))
		}
		for range 32 {
			c.commands = append(c.commands, noise(rng, 64))
		}
	}
	if len(c.queries) == 0 {
		for _, w := range words {
			c.queries = append(c.queries, []byte(w))
		}
	}
	return c
}

// rand is a source of chance of its own for each use.
func (c *corpus) rand(use uint64) *rand.Rand { return rand.New(rand.NewPCG(c.seed, use)) }

// take is n commands drawn with a source of the given use.
func (c *corpus) take(n int, use uint64) [][]byte {
	rng := c.rand(use)
	out := make([][]byte, n)
	for i := range out {
		// The first round goes in order, so that what only works in order does.
		at := i
		if i >= len(c.commands) {
			at = rng.IntN(len(c.commands))
		}
		out[i] = c.commands[at]
	}
	return out
}

// noise is up to n random bytes.
func noise(rng *rand.Rand, n int) []byte {
	b := make([]byte, rng.IntN(n+1))
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return b
}

// hostile is an input made to surprise: noise, or an honest one cut off, with bits
// turned, doubled, or with a great length in its middle.
func (c *corpus) hostile(rng *rand.Rand, honest [][]byte) []byte {
	base := append([]byte(nil), honest[rng.IntN(len(honest))]...)
	switch rng.IntN(6) {
	case 0:
		return noise(rng, 16)
	case 1:
		return noise(rng, 4096)
	case 2:
		return base[:rng.IntN(len(base)+1)]
	case 3:
		return append(base, base...)
	case 4:
		at := rng.IntN(len(base) + 1)
		return append(base[:at:at], append([]byte{0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff}, base[at:]...)...)
	}
	for range 1 + rng.IntN(4) {
		if len(base) > 0 {
			base[rng.IntN(len(base))] ^= 1 << rng.IntN(8)
		}
	}
	return base
}
