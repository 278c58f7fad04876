package differential

import (
	"strings"
	"testing"

	"github.com/wraft/wraft/internal/wasmtest"
	"github.com/wraft/wraft/plugins/abi"
	"github.com/wraft/wraft/plugins/plugintest/bare"
)

// TestDifferencesBetweenMachinesAreSeen sets machines that differ a little against
// each other: what is compared must not be the same by accident.
func TestDifferencesBetweenMachinesAreSeen(t *testing.T) {
	const far = 60_000
	machine := func(answer uint32, code ...[]byte) []byte {
		b := wasmtest.NewMachine(append(code, wasmtest.Answer(wasmtest.OutputAt, answer))...)
		b.Global(0)
		return b.Bytes()
	}
	store := wasmtest.Join(wasmtest.I32Const(far), wasmtest.I32Const(1), wasmtest.I32Store(0))
	one := machine(abi.ResultHeaderBytes)
	for name, c := range map[string]struct {
		other []byte
		want  string
	}{
		"nothing": {one, "nothing is exported"}, // which comes last
		"answer":  {machine(abi.ResultHeaderBytes + 1), "answers"},
		"memory":  {machine(abi.ResultHeaderBytes, store), "memory at 0xea60: 0x00 and 0x01"},
		"size":    {machine(abi.ResultHeaderBytes, wasmtest.I32Const(1), wasmtest.MemoryGrow(), wasmtest.Drop), "memories of 65536 and 131072 bytes"},
		"global":  {machine(abi.ResultHeaderBytes, wasmtest.I32Const(1), wasmtest.GlobalSet(0)), "global 0: 0x0 and 0x1"},
		"trap":    {machine(abi.ResultHeaderBytes, wasmtest.Unreachable), "trap: unreachable"},
	} {
		err := fight(t.Context(), [2][]byte{one, c.other}, [][][]byte{{[]byte("any")}}, bare.Config{})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}
