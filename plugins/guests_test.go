package plugins_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/wraft/wraft/internal/wasmtest"
	"github.com/wraft/wraft/plugins"
)

// store32 stores a number at an address.
func store32(at, v int32) []byte {
	return join(wasmtest.I32Const(at), wasmtest.I32Const(v), wasmtest.I32Store(0))
}

func join(parts ...[]byte) []byte {
	var out []byte
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}

// result writes one result header at OutputAt and answers with n bytes.
func result(status, size int32, n uint32) []byte {
	return join(store32(wasmtest.OutputAt, status), store32(wasmtest.OutputAt+4, size), wasmtest.Answer(wasmtest.OutputAt, n))
}

// recursive is a machine whose apply never stops calling itself.
func recursive() []byte {
	b := wasmtest.NewBuilder()
	f := b.Function("i", "i", "", wasmtest.LocalGet(0), wasmtest.Call(0), wasmtest.I32Const(1), wasmtest.I32Add)
	return machineOn(b, wasmtest.LocalGet(0), wasmtest.Call(f), wasmtest.Drop, result(0, 0, 8))
}

func TestMisbehavingGuests(t *testing.T) {
	cases := map[string]struct {
		binary []byte
		want   string
	}{
		"unreachable":        {wasmtest.NewMachine(wasmtest.Unreachable).Bytes(), "-1 unreachable"},
		"stack exhausted":    {recursive(), "-5 stack exhausted: the call may claim 33554432 bytes"},
		"load out of bounds": {wasmtest.NewMachine(wasmtest.I32Const(-8), wasmtest.I32Load8(0), wasmtest.Drop, result(0, 0, 8)).Bytes(), "-1 out of bounds memory access"},
		"divide by zero":     {wasmtest.NewMachine(wasmtest.I32Const(1), wasmtest.I32Const(0), []byte{0x6d}, wasmtest.Drop, result(0, 0, 8)).Bytes(), "-1 integer divide by zero"},
		"reserved status":    {wasmtest.NewMachine(result(-1, 0, 8)).Bytes(), "-3 result 0 has status -1; negative ones belong to the host"},
		"answer outside":     {wasmtest.NewMachine(wasmtest.Answer(65530, 100)).Bytes(), "-3 the answer lies outside of memory"},
		"huge answer":        {wasmtest.NewMachine(wasmtest.Answer(0, 1<<31)).Bytes(), "-2 the answer has 2147483648 bytes, the limit is 16777216"},
		"no result":          {wasmtest.NewMachine(wasmtest.Answer(0, 0)).Bytes(), "-3 the answer holds 0 results instead of 1"},
		"short result":       {wasmtest.NewMachine(result(0, 5, 8)).Bytes(), "-3 result 0 claims 5 bytes, 0 are left"},
		"long result":        {wasmtest.NewMachine(result(0, 0, 9)).Bytes(), "-3 the answer has 1 bytes after its last result"},
		"honest":             {wasmtest.NewMachine(result(7, 0, 8)).Bytes(), "7 "},
	}
	e := shared
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			i := start(t, e, c.binary, plugins.InstanceConfig{})
			before := stateHash(t, i)
			for index := uint64(1); index <= 3; index++ {
				if got := apply(t, i, index, "x"); got[0] != c.want {
					t.Errorf("entry %d: got %q, want %q", index, got[0], c.want)
				}
			}
			if strings.HasPrefix(c.want, "-") && stateHash(t, i) != before {
				t.Error("the failed commands left a trace")
			}
			r, err := i.Query(context.Background(), []byte("x"))
			if got := texts([]plugins.Result{r})[0]; err != nil || got != c.want {
				t.Errorf("query: got %q, %v, want %q", got, err, c.want)
			}
		})
	}
}

func TestAllocRefusesOrLies(t *testing.T) {
	for name, c := range map[string]struct {
		at   int32
		want string
	}{
		"refuses": {0, "-2 the module refused a buffer of 9 bytes"},
		"lies":    {65535, "-3 wraft_alloc returned a buffer outside of memory"},
		"far":     {-4, "-3 wraft_alloc returned a buffer outside of memory"},
	} {
		b := wasmtest.NewBuilder()
		b.Memory(1, 1)
		b.Export("memory", 2, 0)
		f := b.Function("ii", "I", "", wasmtest.Unreachable)
		b.Export("wraft_apply", 0, f)
		b.Export("wraft_query", 0, f)
		b.Export("wraft_abi_v1", 0, b.Function("", "", ""))
		b.Export("wraft_alloc", 0, b.Function("i", "i", "", wasmtest.I32Const(c.at)))
		b.Export("wraft_snapshot", 0, b.Function("", "i", "", wasmtest.I32Const(0)))
		b.Export("wraft_restore", 0, b.Function("i", "i", "", wasmtest.I32Const(0)))
		i := start(t, shared, b.Bytes(), plugins.InstanceConfig{})
		if got := apply(t, i, 1, "x"); got[0] != c.want {
			t.Errorf("%s: got %q, want %q", name, got[0], c.want)
		}
	}
}

func TestImportsCheckPointers(t *testing.T) {
	for name, params := range map[string]string{"random": "ii", "emit": "ii", "set_error": "ii", "log": "iii"} {
		b := wasmtest.NewBuilder()
		f := b.Import("wraft", name, params, "")
		code := [][]byte{}
		if params == "iii" {
			code = append(code, wasmtest.I32Const(1))
		}
		code = append(code, wasmtest.I32Const(65000), wasmtest.I32Const(1000), wasmtest.Call(f), result(0, 0, 8))
		i := start(t, shared, machineOn(b, code...), plugins.InstanceConfig{})
		if got, want := apply(t, i, 1, "x")[0], "-1 out of bounds memory access by a host function"; got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

func TestWASIOutPointersAreChecked(t *testing.T) {
	const far = 65533
	cases := map[string]struct {
		params string
		args   []int64
		want   int32 // the error number
	}{
		"args_sizes_get":    {"ii", []int64{far, 0}, 21},
		"environ_sizes_get": {"ii", []int64{0, far}, 21},
		"clock_time_get":    {"iIi", []int64{0, 0, far}, 21},
		"clock_res_get":     {"ii", []int64{0, far}, 21},
		"fd_fdstat_get":     {"ii", []int64{1, far}, 21},
		"fd_filestat_get":   {"ii", []int64{1, far}, 21},
		"fd_write":          {"iiii", []int64{1, far, 1, 0}, 21},
		"fd_read":           {"iiii", []int64{0, 0, 0, far}, 21},
		"random_get":        {"ii", []int64{far, 100}, 21},
		"poll_oneoff":       {"iiii", []int64{far, 0, 1, 0}, 21},
		"fd_prestat_get":    {"ii", []int64{3, 0}, 8},
		"fd_close":          {"i", []int64{9}, 8},
		"sock_shutdown":     {"ii", []int64{0, 0}, 52},
		"path_unlink_file":  {"iii", []int64{3, 0, 0}, 52},
	}
	for name, c := range cases {
		if got, want := callWASI(t, name, c.params, c.args), fmt.Sprintf("%d ", c.want); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

func TestMemoryGrowthBeyondTheLimitFailsInTheGuest(t *testing.T) {
	// The answer's status is the page count before growing by one, or -1.
	b := wasmtest.NewMachine(
		wasmtest.I32Const(wasmtest.OutputAt), wasmtest.I32Const(1), wasmtest.MemoryGrow(), wasmtest.I32Const(1), wasmtest.I32Add, wasmtest.I32Store(0),
		store32(wasmtest.OutputAt+4, 0), wasmtest.Answer(wasmtest.OutputAt, 8))
	limits := plugins.Limits{MemoryBytesMax: 3 * 65536}
	i := start(t, newEngine(t, plugins.Config{Limits: limits}), b.Bytes(), plugins.InstanceConfig{})
	for k, want := range []string{"2 ", "3 ", "0 ", "0 "} {
		if got := apply(t, i, uint64(k+1), "x")[0]; got != want {
			t.Errorf("growth %d: got %q, want %q", k, got, want)
		}
	}
	if got := i.MemoryBytes(); got != 3*65536 {
		t.Errorf("memory has %d bytes", got)
	}
}

func TestInitializeThatTraps(t *testing.T) {
	b := wasmtest.NewMachine(wasmtest.Unreachable)
	b.Export("_initialize", 0, b.Function("", "", "", wasmtest.Unreachable))
	e := shared
	m, err := e.Compile(context.Background(), b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	_, err = e.NewInstance(context.Background(), m, plugins.InstanceConfig{})
	var guest *plugins.GuestError
	if !errors.As(err, &guest) || guest.Status != plugins.StatusTrap || guest.Text != "unreachable" {
		t.Errorf("got %v", err)
	}
}
