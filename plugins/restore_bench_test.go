package plugins_test

import (
	"testing"

	"github.com/wraft/wraft/internal/wasmtest"
	"github.com/wraft/wraft/plugins"
)

// BenchmarkRestore starts an instance from an image of 200 MiB, none of them zero, and has it
// apply a command.
func BenchmarkRestore(b *testing.B) {
	module := filler(200)
	i := start(b, shared, module, plugins.InstanceConfig{})
	apply(b, i, 1, "x")
	whole, _ := image(b, i, plugins.StateHash{})
	before := processorTime(b)
	for b.Loop() {
		r, err := restore(b, module, whole)
		if err != nil {
			b.Fatal(err)
		}
		_ = r.Close(b.Context())
	}
	b.ReportMetric(float64((processorTime(b)-before).Milliseconds())/float64(b.N), "cpu-ms/op")
}

// filler is a machine that fills so many MiB of its memory with sevens when it gets a command, which
// makes more of it once.
func filler(mib int32) []byte {
	c := wasmtest.I32Const
	return wasmtest.NewMachine([]byte{0x3f, 0}, c(1), wasmtest.I32Eq, wasmtest.If, c(mib<<4), wasmtest.MemoryGrow(), wasmtest.Drop, wasmtest.End,
		c(0x10000), c(7), c(mib<<20), wasmtest.MemoryFill, result(0, 0, 8)).Bytes()
}
