package kvmodel

import (
	"fmt"
	"math/rand/v2"
)

// The shape of random commands.
const (
	keysMax       = 1000 // different keys
	valueBytes    = 160  // of most values, at most
	longBytes     = 4000 // of a few
	malformedMax  = 40
	entryCommands = 64
)

// Step is one command of a corpus: a request, or bytes that are none.
type Step struct {
	Request Request
	Bytes   []byte // as it is applied
	Noise   bool   // Bytes are no command
}

// Corpus draws commands: the same ones from the same seed.
type Corpus struct{ chance *rand.Rand }

// NewCorpus starts a corpus.
func NewCorpus(seed uint64) *Corpus { return &Corpus{chance: rand.New(rand.NewPCG(seed, 0x6b76))} }

// EntrySize draws how many commands come in one entry: 1 to 64.
func (c *Corpus) EntrySize() int {
	switch c.chance.IntN(3) {
	case 0:
		return 1
	case 1:
		return 2 + c.chance.IntN(entryCommands-2)
	}
	return entryCommands
}

// Below draws a number from 0 to n-1.
func (c *Corpus) Below(n int) int { return c.chance.IntN(n) }

// Step draws a command. The operations are weighted so that keys come and go and
// the store stays at a few hundred pairs.
func (c *Corpus) Step() Step {
	if c.chance.IntN(100) == 0 {
		return c.noise()
	}
	r := Request{Key: c.key()}
	switch n := c.chance.IntN(1000); {
	case n < 400:
		r.Operation, r.Value = "put", c.value()
	case n < 520:
		r.Operation, r.Value = "append", c.value()
	case n < 700:
		r.Operation, r.Value, r.Expected = "cas", c.orNil(c.value()), c.orNil(c.value())
	case n < 850:
		r.Operation = "delete"
	case n < 990:
		r.Operation = "get"
	case n < 993:
		r = c.scan()
	default:
		r = c.mistake()
	}
	return Step{Request: r, Bytes: r.Encode()}
}

// Query draws a query.
func (c *Corpus) Query() Step {
	r := Request{Operation: "get", Key: c.key()}
	if c.chance.IntN(8) == 0 {
		r = c.scan()
	}
	return Step{Request: r, Bytes: r.Encode()}
}

func (c *Corpus) key() []byte { return fmt.Appendf(nil, "key-%03d", c.chance.IntN(keysMax)) }

func (c *Corpus) orNil(b []byte) []byte {
	if c.chance.IntN(2) == 0 {
		return nil
	}
	return b
}

// value draws few different values, so that cas hits now and then.
func (c *Corpus) value() []byte {
	n := c.chance.IntN(valueBytes)
	switch c.chance.IntN(50) {
	case 0:
		n = c.chance.IntN(longBytes)
	case 1, 2, 3, 4, 5, 6, 7, 8, 9, 10:
		n = c.chance.IntN(3)
	}
	b := make([]byte, n)
	fill := byte(c.chance.IntN(4))
	for i := range b {
		b[i] = fill + byte(i)
	}
	return b
}

func (c *Corpus) scan() Request {
	r := Request{Operation: "scan", Key: fmt.Appendf(nil, "key-%d", c.chance.IntN(10)), Value: c.orNil(c.key())}
	if c.chance.IntN(4) == 0 {
		r.Key = c.orNil([]byte("key-"))
	}
	return r
}

// mistake is a command that is refused.
func (c *Corpus) mistake() Request {
	switch c.chance.IntN(3) {
	case 0:
		return Request{Operation: "rename", Key: c.key()}
	case 1:
		return Request{Operation: "put", Key: make([]byte, KeyBytesMax+1+c.chance.IntN(9)), Value: c.value()}
	}
	return Request{Operation: "", Key: c.key()}
}

// noise is no command: cut off, too long, or random bytes.
func (c *Corpus) noise() Step {
	b := Request{Operation: "put", Key: c.key(), Value: c.value()}.Encode()
	switch c.chance.IntN(3) {
	case 0:
		b = b[:c.chance.IntN(len(b))]
	case 1:
		b = append(b, 0)
	default:
		b = make([]byte, c.chance.IntN(malformedMax))
		for i := range b {
			b[i] = byte(c.chance.Uint32()) | 0xe0 // a simple value: never an array, never what a guilty command starts with
		}
	}
	return Step{Bytes: b, Noise: true}
}

// ApplyStep runs a step through the model.
func (s *Store) ApplyStep(step Step) (status int32, answer []byte) {
	if step.Noise {
		return NotCommand()
	}
	return s.Apply(step.Request)
}
