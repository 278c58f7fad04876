package main

import (
	"encoding/hex"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/wraft/wraft/sdk/go"
)

// verb is one command of the machine.
type verb func(m *machine, ctx *wraft.Context, operand string) ([]byte, error)

var verbs map[string]verb

func init() {
	verbs = map[string]verb{
		"get":     func(m *machine, _ *wraft.Context, _ string) ([]byte, error) { return number(m.value), nil },
		"add":     withNumber(func(m *machine, _ *wraft.Context, n int64) []byte { m.value += n; return number(m.value) }),
		"spin":    withNumber(spin),
		"mix":     withNumber(mix),
		"grow":    withNumber(grow),
		"big":     withNumber(func(_ *machine, _ *wraft.Context, n int64) []byte { return make([]byte, n) }),
		"random":  withNumber(random),
		"sleep":   withNumber(func(_ *machine, ctx *wraft.Context, n int64) []byte { time.Sleep(time.Duration(n)); return now(ctx) }),
		"now":     func(_ *machine, ctx *wraft.Context, _ string) ([]byte, error) { return now(ctx), nil },
		"index":   func(_ *machine, ctx *wraft.Context, _ string) ([]byte, error) { return number(int64(ctx.Index())), nil },
		"order":   order,
		"panic":   func(_ *machine, _ *wraft.Context, text string) ([]byte, error) { panic(text) },
		"half":    half,
		"recurse": withNumber(func(_ *machine, _ *wraft.Context, n int64) []byte { return number(recurse(n)) }),
		"exit":    withNumber(func(_ *machine, _ *wraft.Context, n int64) []byte { os.Exit(int(n)); return nil }),
		"fail":    withStatus,
		"log": func(_ *machine, ctx *wraft.Context, text string) ([]byte, error) {
			ctx.Log(wraft.LevelWarn, text)
			return nil, nil
		},
		"print": func(_ *machine, _ *wraft.Context, text string) ([]byte, error) { fmt.Println(text); return nil, nil },
		"emit": func(_ *machine, ctx *wraft.Context, text string) ([]byte, error) {
			ctx.Emit([]byte(text))
			return nil, nil
		},
		"env": env,
	}
}

func withNumber(f func(m *machine, ctx *wraft.Context, n int64) []byte) verb {
	return func(m *machine, ctx *wraft.Context, operand string) ([]byte, error) {
		n, err := strconv.ParseInt(operand, 10, 64)
		if err != nil {
			return nil, err
		}
		return f(m, ctx, n), nil
	}
}

func number(n int64) []byte { return strconv.AppendInt(nil, n, 10) }

// spin takes time and little fuel: about 20 ns for each of the n steps, most of
// them spent waiting for the product before.
func spin(m *machine, _ *wraft.Context, n int64) []byte {
	x := uint64(m.value) | 1
	for range n {
		y := x | 2
		x = x * y * y * y * y * y * y * y * y
		x = x * y * y * y * y * y * y * y * y
	}
	m.value = int64(x >> 1)
	return number(m.value)
}

// mix computes as fast as it can: n steps of a few shifts.
func mix(m *machine, _ *wraft.Context, n int64) []byte {
	x := uint64(m.value) + 1
	for range n {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
	}
	m.value = int64(x >> 1)
	return number(m.value)
}

// grow keeps n MiB for ever.
func grow(m *machine, _ *wraft.Context, n int64) []byte {
	for range n {
		b := make([]byte, 1<<20)
		b[len(b)/2] = 1
		m.ballast = append(m.ballast, b)
	}
	return number(int64(len(m.ballast)))
}

func random(_ *machine, ctx *wraft.Context, n int64) []byte {
	b := make([]byte, n)
	ctx.Random(b)
	return []byte(hex.EncodeToString(b))
}

// now tells the context's time and the one of Go's own clock.
func now(ctx *wraft.Context) []byte {
	return fmt.Appendf(nil, "%d %d", ctx.Now().UnixNano(), time.Now().UnixNano())
}

// order lists a map as the runtime happens to: it depends on the runtime's own
// random state, which is part of the memory.
func order(m *machine, _ *wraft.Context, _ string) ([]byte, error) {
	var keys []string
	for k := range m.table {
		keys = append(keys, strconv.Itoa(k))
	}
	return []byte(strings.Join(keys, " ")), nil
}

// half changes the machine and its heap, and then panics.
func half(m *machine, ctx *wraft.Context, text string) ([]byte, error) {
	m.value = -1
	m.table[len(m.table)] = 1
	grow(m, ctx, 4)
	ctx.Emit([]byte("never"))
	time.Sleep(time.Hour)
	panic(text)
}

func recurse(n int64) int64 {
	if n == 0 {
		return 0
	}
	var pad [16]int64
	pad[n%16] = recurse(n - 1)
	return pad[n%16] + 1
}

// withStatus answers with the given status.
func withStatus(_ *machine, _ *wraft.Context, operand string) ([]byte, error) {
	n, err := strconv.ParseInt(operand, 10, 32)
	if err != nil {
		return nil, err
	}
	return nil, wraft.Fail(int32(n), "as told")
}

// env looks for the outside world.
func env(*machine, *wraft.Context, string) ([]byte, error) {
	_, err := os.ReadFile("/etc/passwd")
	return fmt.Appendf(nil, "args %d, environment %d, file %v", len(os.Args), len(os.Environ()), err), nil
}
