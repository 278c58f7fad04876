package plugins_test

import (
	"context"
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/wraft/wraft/internal/wasmtest"
	"github.com/wraft/wraft/plugins"
)

func repeat(command string, n int) [][]byte {
	out := make([][]byte, n)
	for k := range out {
		out[k] = []byte(command)
	}
	return out
}

// cborPut is ["put", key, value, null] for the key-value store.
func cborPut(key string, value []byte) []byte {
	b := []byte{0x84, 0x63, 'p', 'u', 't', 0x58, byte(len(key))}
	b = append(b, key...)
	b = append(b, 0x58, byte(len(value)))
	return append(append(b, value...), 0xf6)
}

func BenchmarkApply(b *testing.B) {
	e := shared
	for _, size := range []int{1, 64} {
		b.Run(fmt.Sprintf("counter/batch=%d", size), func(b *testing.B) {
			benchmarkApply(b, start(b, e, wasmtest.Counter(b), plugins.InstanceConfig{}), repeat("incr", size))
		})
		b.Run(fmt.Sprintf("kv-put/batch=%d", size), func(b *testing.B) {
			commands := make([][]byte, size)
			for k := range commands {
				commands[k] = cborPut(fmt.Sprintf("key-%03d", k), make([]byte, 128))
			}
			benchmarkApply(b, start(b, e, wasmtest.KV(b), plugins.InstanceConfig{}), commands)
		})
		b.Run(fmt.Sprintf("mix/batch=%d", size), func(b *testing.B) {
			benchmarkApply(b, start(b, e, wasmtest.Slow(b), plugins.InstanceConfig{}), repeat("mix 10000", size))
		})
		b.Run(fmt.Sprintf("bare/batch=%d", size), func(b *testing.B) {
			if size > 1 {
				b.Skip("the bare machine answers one command")
			}
			i := start(b, e, wasmtest.NewMachine(result(0, 0, 8)).Bytes(), plugins.InstanceConfig{})
			benchmarkApply(b, i, repeat("x", size))
		})
	}
}

func benchmarkApply(b *testing.B, i *plugins.Instance, commands [][]byte) {
	b.Helper()
	b.ReportAllocs()
	before := processorTime(b)
	for n := 0; b.Loop(); n++ {
		results, err := i.Apply(context.Background(), plugins.Moment{Index: uint64(n), Time: int64(n)}, commands)
		if err != nil || results[0].Status != 0 {
			b.Fatal(results, err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(commands)), "ns/command")
	b.ReportMetric(float64(processorTime(b)-before)/float64(b.N*len(commands)), "cpu-ns/command")
	b.ReportMetric(float64(i.FuelUsed())/float64(len(commands)), "fuel/command")
	b.ReportMetric(float64(i.MemoryBytes())/(1<<20), "MiB")
}

// processorTime is what this process has used so far, which tells more than the
// clock on a machine that others use too.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func BenchmarkQuery(b *testing.B) {
	i := start(b, shared, wasmtest.Counter(b), plugins.InstanceConfig{})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := i.Query(context.Background(), []byte("get")); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkQueryAfterApply is the dear case: each query copies the memory.
func BenchmarkQueryAfterApply(b *testing.B) {
	for name, grow := range map[string]string{"small": "get", "64MiB": "grow 64"} {
		b.Run(name, func(b *testing.B) {
			i := start(b, shared, wasmtest.Slow(b), plugins.InstanceConfig{})
			apply(b, i, 1, grow)
			command := repeat("get", 1)
			for n := uint64(2); b.Loop(); n++ {
				if _, err := i.Apply(context.Background(), plugins.Moment{Index: n}, command); err != nil {
					b.Fatal(err)
				}
				if _, err := i.Query(context.Background(), command[0]); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(i.MemoryBytes())/(1<<20), "MiB")
		})
	}
}

// BenchmarkTrap is a command that traps, alone in its entry.
func BenchmarkTrap(b *testing.B) {
	i := start(b, shared, wasmtest.Slow(b), plugins.InstanceConfig{})
	commands := repeat("panic x", 1)
	for n := uint64(1); b.Loop(); n++ {
		if _, err := i.Apply(context.Background(), plugins.Moment{Index: n}, commands); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkValidate(b *testing.B) {
	binary := wasmtest.KV(b)
	b.SetBytes(int64(len(binary)))
	for b.Loop() {
		if err := plugins.Validate(binary, plugins.Limits{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCompile(b *testing.B) {
	binary := wasmtest.Counter(b)
	for b.Loop() {
		e, err := plugins.NewEngine(plugins.Config{})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := e.Compile(context.Background(), binary); err != nil {
			b.Fatal(err)
		}
		if err := e.Close(context.Background()); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkNewInstance(b *testing.B) {
	e := shared
	m, err := e.Compile(context.Background(), wasmtest.Counter(b))
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		i, err := e.NewInstance(context.Background(), m, plugins.InstanceConfig{})
		if err != nil {
			b.Fatal(err)
		}
		if err := i.Close(context.Background()); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkNativeMap calibrates the machine: the same puts on a plain Go map.
func BenchmarkNativeMap(b *testing.B) {
	m := map[string][]byte{}
	keys := make([]string, 64)
	for k := range keys {
		keys[k] = fmt.Sprintf("key-%03d", k)
	}
	value := make([]byte, 128)
	before := processorTime(b)
	for n := 0; b.Loop(); n++ {
		key := keys[n%len(keys)]
		m[key] = append(m[key][:0], value...)
	}
	b.ReportMetric(float64(processorTime(b)-before)/float64(b.N), "cpu-ns/command")
}
