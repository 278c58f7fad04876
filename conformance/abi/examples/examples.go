package examples

import (
	"embed"
	"fmt"
	"math/rand/v2"
	"strconv"

	"github.com/wraft/wraft/conformance/abi"
	"github.com/wraft/wraft/conformance/abi/scenario"
)

//go:embed counter.scenario counter2.scenario kv.scenario
var scenarios embed.FS

// Names are the example machines. counter2 is version 2 of counter, which takes over
// the state of version 1.
func Names() []string { return []string{"counter", "counter2", "kv"} }

// Before is the machine that one of a name takes the place of in an upgrade; its own
// name where it has one version only.
func Before(name string) string {
	if name == "counter2" {
		return "counter"
	}
	return name
}

// commandsMade is how many commands a Subject has besides those of its scenario.
const commandsMade = 400

// Subject makes a subject of a binary that should be the machine of that name; Old is
// the caller's to fill in. It panics for a name that is not among Names.
func Subject(name, label string, binary []byte) abi.Subject {
	file := name + ".scenario"
	text, err := scenarios.ReadFile(file)
	if err != nil {
		panic(fmt.Sprintf("examples: no machine %q", name))
	}
	f, err := scenario.Parse(file, text)
	if err != nil {
		panic(err) // it is compiled in, and a test parses it
	}
	s := abi.Subject{Name: label, Binary: binary, Scenarios: []*scenario.File{f}}
	rng := rand.New(rand.NewPCG(1, 1))
	for range commandsMade {
		command, query := counterInput(rng)
		if name == "kv" {
			command, query = kvInput(rng)
		}
		s.Commands, s.Queries = append(s.Commands, command), append(s.Queries, query)
	}
	return s
}

func counterInput(rng *rand.Rand) (command, query []byte) {
	switch rng.IntN(8) {
	case 0:
		return []byte("get"), nil
	case 1:
		return []byte("nonsense " + strconv.Itoa(rng.Int())), []byte("nonsense")
	case 2:
		return []byte("add " + strconv.FormatInt(int64(rng.Uint64()), 10)), []byte("get")
	case 3, 4:
		return []byte("add " + strconv.Itoa(rng.IntN(2001)-1000)), []byte("get")
	}
	return []byte("incr"), []byte("get")
}

// Bounds of what kvInput makes up: few keys, so that they meet.
const (
	keys          = 64
	valueBytesMax = 300
)

func kvInput(rng *rand.Rand) (command, query []byte) {
	key := func() []byte { return []byte("k" + strconv.Itoa(rng.IntN(keys))) }
	value := func() []byte {
		b := make([]byte, rng.IntN(valueBytesMax))
		for i := range b {
			b[i] = byte('a' + rng.IntN(26))
		}
		return b
	}
	query = kv("get", key(), nil, nil)
	if rng.IntN(4) == 0 {
		query = kv("scan", []byte("k"), key(), nil)
	}
	switch rng.IntN(10) {
	case 0, 1, 2, 3:
		return kv("put", key(), value(), nil), query
	case 4, 5:
		return kv("append", key(), value(), nil), query
	case 6:
		return kv("cas", key(), value(), nil), query
	case 7:
		return kv("delete", key(), nil, nil), query
	case 8:
		return kv("scan", []byte("k"), nil, nil), query
	}
	return kv("get", key(), nil, nil), query
}

// Majors of CBOR (RFC 8949 §3.1), and null.
const (
	majorBytes = 2 << 5
	majorText  = 3 << 5
	majorArray = 4 << 5
	null       = 0xf6
)

// kv encodes a command of four items; nil is null.
func kv(operation string, key, value, expected []byte) []byte {
	b := append(cborHead([]byte{majorArray | 4}, majorText, len(operation)), operation...)
	for _, item := range [][]byte{key, value, expected} {
		if item == nil {
			b = append(b, null)
			continue
		}
		b = append(cborHead(b, majorBytes, len(item)), item...)
	}
	return b
}

// cborHead appends the head of an item of n bytes, n below 65,536.
func cborHead(b []byte, major byte, n int) []byte {
	switch {
	case n < 24:
		return append(b, major|byte(n))
	case n < 256:
		return append(b, major|24, byte(n))
	}
	return append(b, major|25, byte(n>>8), byte(n))
}
