package plugins_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/wraft/wraft/internal/toolchain"
	"github.com/wraft/wraft/internal/wasmtest"
	"github.com/wraft/wraft/plugins"
)

// TestLanguagesAgree drives the example machines of every language with the same
// entries as the Go ones: answers and exports must be equal to the byte.
func TestLanguagesAgree(t *testing.T) {
	inputs := map[string]func(*rand.Rand) []byte{"counter": counterInput, "kv": kvInput}
	for _, language := range toolchain.Languages() {
		if language == "go" {
			continue
		}
		for _, machine := range wasmtest.Machines {
			t.Run(language+"/"+machine, func(t *testing.T) {
				other := start(t, shared, wasmtest.Example(t, language, machine), plugins.InstanceConfig{})
				reference := start(t, shared, wasmtest.Example(t, "go", machine), plugins.InstanceConfig{})
				compareLanguages(t, reference, other, inputs[machine])
			})
		}
	}
}

// compareLanguages applies a few hundred entries to both, asks both, and hands
// each one's export to the other.
func compareLanguages(t *testing.T, a, b *plugins.Instance, input func(*rand.Rand) []byte) {
	chance := rand.New(rand.NewPCG(7, 7))
	entries := 400
	if testing.Short() {
		entries = 100
	}
	for index := uint64(1); index <= uint64(entries); index++ {
		commands := make([][]byte, 1+chance.IntN(64))
		for k := range commands {
			commands[k] = input(chance)
		}
		sameResults(t, commands, applyBoth(t, a, b, index, commands))
		query := input(chance)
		sameResults(t, [][]byte{query}, queryBoth(t, a, b, query))
		if index%25 == 0 {
			exchangeExports(t, a, b, index, chance)
		}
	}
}

func applyBoth(t *testing.T, a, b *plugins.Instance, index uint64, commands [][]byte) (both [2][]string) {
	t.Helper()
	for k, i := range []*plugins.Instance{a, b} {
		results, err := i.Apply(context.Background(), plugins.Moment{Index: index, Time: int64(index)}, commands)
		if err != nil {
			t.Fatal(err)
		}
		both[k] = texts(results)
	}
	return both
}

func queryBoth(t *testing.T, a, b *plugins.Instance, query []byte) (both [2][]string) {
	t.Helper()
	for k, i := range []*plugins.Instance{a, b} {
		r, err := i.Query(context.Background(), query)
		if err != nil {
			t.Fatal(err)
		}
		both[k] = texts([]plugins.Result{r})
	}
	return both
}

func sameResults(t *testing.T, inputs [][]byte, both [2][]string) {
	t.Helper()
	for k, input := range inputs {
		if both[0][k] != both[1][k] {
			t.Fatalf("%.200q: Go says %.200q, the other %.200q", input, both[0][k], both[1][k])
		}
		if strings.HasPrefix(both[0][k], "-") {
			t.Fatalf("%.200q: %.200q", input, both[0][k])
		}
	}
}

// exchangeExports compares both exports, and gives each to the other machine, whole
// and damaged: what is refused must be refused for the same reason.
func exchangeExports(t *testing.T, a, b *plugins.Instance, index uint64, chance *rand.Rand) {
	t.Helper()
	one, two := exportOf(t, a), exportOf(t, b)
	if !bytes.Equal(one, two) {
		t.Fatalf("entry %d: exports of %d and %d bytes differ", index, len(one), len(two))
	}
	damaged := slices.Clone(one)
	damaged[chance.IntN(len(damaged))] ^= 1 << chance.IntN(8)
	for _, state := range [][]byte{one[:chance.IntN(len(one))], append(slices.Clone(one), 0), damaged, two} {
		var reasons [2]string
		for k, i := range []*plugins.Instance{a, b} {
			reasons[k] = importReason(t, i, index, state)
		}
		if reasons[0] != reasons[1] {
			t.Fatalf("entry %d: a restore says %q in Go and %q in the other", index, reasons[0], reasons[1])
		}
	}
	if again := exportOf(t, b); !bytes.Equal(again, two) {
		t.Fatalf("entry %d: a restored state has another export", index)
	}
}

func exportOf(t *testing.T, i *plugins.Instance) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := i.Export(context.Background(), &b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// importReason is why a machine refuses a state, or nothing.
func importReason(t *testing.T, i *plugins.Instance, index uint64, state []byte) string {
	t.Helper()
	err := i.Import(context.Background(), plugins.Moment{Index: index, Time: int64(index)}, bytes.NewReader(state), 0)
	var guest *plugins.GuestError
	if err != nil && !errors.As(err, &guest) {
		t.Fatal(err)
	}
	if guest == nil {
		return ""
	}
	return fmt.Sprint(guest.Status, " ", guest.Text)
}

// counterInput is a command or query for the counter, often a wrong one.
func counterInput(chance *rand.Rand) []byte {
	pick := func(texts ...string) string { return texts[chance.IntN(len(texts))] }
	number := pick("1", "-1", "+7", "007", "9223372036854775807", "-9223372036854775808", "9223372036854775808", "", "-", "1_0", "0x1", " 5", "5 5",
		fmt.Sprint(int64(chance.Uint64())), fmt.Sprint(chance.IntN(1000)-500))
	text := pick("incr", "incr", "get", "add "+number, "add "+number, "add\t"+number, "decr", "", "incr 2", "get  x", "\u00fc\u00a0\x00\"\\", strings.Repeat("long", 40))
	return []byte(pick("", "", "", " ", "\n\v", "\u0085") + text + pick("", "", "", " ", "\r\n\f", "\u00a0"))
}

// kvInput is a command or query for the key-value store over few keys, sometimes
// damaged.
func kvInput(chance *rand.Rand) []byte {
	b := encodeKV(chance, []string{"put", "put", "append", "cas", "delete", "get", "scan", "frob\x00\""}[chance.IntN(8)])
	switch chance.IntN(20) {
	case 0:
		b[chance.IntN(len(b))] ^= 1 << chance.IntN(8)
	case 1:
		b = b[:chance.IntN(len(b))]
	case 2:
		b = append(b, 0)
	}
	return b
}

func encodeKV(chance *rand.Rand, operation string) []byte {
	bytesOf := func(n int) []byte { return bytes.Repeat([]byte{byte('a' + chance.IntN(3))}, n) }
	operand := func() []byte { // mostly short ones, so that they meet
		switch chance.IntN(40) {
		case 0:
			return bytesOf([]int{23, 24, 255, 256, 1024, 1025}[chance.IntN(6)])
		case 1, 2, 3, 4, 5:
			return nil
		case 6, 7:
			return fmt.Appendf(nil, "key-%04d", chance.IntN(700))
		}
		return bytesOf(chance.IntN(4))
	}
	items := [][]byte{operand(), operand(), operand()}
	if chance.IntN(400) == 0 {
		items[1] = bytesOf([]int{1 << 16, 1 << 18, 1<<20 - 20000, 1<<20 - 60}[chance.IntN(4)])
	}
	b := append([]byte{0x84, 0x60 | byte(len(operation))}, operation...)
	for _, item := range items {
		switch n := len(item); {
		case item == nil:
			b = append(b, 0xf6)
			continue
		case n < 24 && chance.IntN(4) > 0:
			b = append(b, 0x40|byte(n))
		case n < 256 && chance.IntN(4) > 0:
			b = append(b, 0x58, byte(n))
		case n < 1<<16 && chance.IntN(4) > 0:
			b = binary.BigEndian.AppendUint16(append(b, 0x59), uint16(n))
		case chance.IntN(4) > 0:
			b = binary.BigEndian.AppendUint32(append(b, 0x5a), uint32(n))
		default:
			b = binary.BigEndian.AppendUint64(append(b, 0x5b), uint64(n))
		}
		b = append(b, item...)
	}
	return b
}
