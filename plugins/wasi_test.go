package plugins_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/wraft/wraft/internal/wasmtest"
	"github.com/wraft/wraft/plugins"
)

// pollMachine calls poll_oneoff with the subscriptions in its command and
// answers with the error number as status and, as data, the number of events,
// the clock and the events.
func pollMachine(subscriptions uint32) []byte {
	b := wasmtest.NewBuilder()
	poll := b.Import("wasi_snapshot_preview1", "poll_oneoff", "iiii", "i")
	clock := b.Import("wasi_snapshot_preview1", "clock_time_get", "iIi", "i")
	size := int32(12 + subscriptions*32)
	return machineOn(b,
		wasmtest.I32Const(wasmtest.OutputAt),
		wasmtest.LocalGet(0), wasmtest.I32Const(8), wasmtest.I32Add,
		wasmtest.I32Const(wasmtest.OutputAt+20), wasmtest.I32Const(int32(subscriptions)), wasmtest.I32Const(wasmtest.OutputAt+8),
		wasmtest.Call(poll), wasmtest.I32Store(0),
		store32(wasmtest.OutputAt+4, size),
		wasmtest.I32Const(1), wasmtest.I64Const(1), wasmtest.I32Const(wasmtest.OutputAt+12), wasmtest.Call(clock), wasmtest.Drop,
		wasmtest.Answer(wasmtest.OutputAt, uint32(8+size)))
}

// clockSub is a subscription to a clock.
func clockSub(userdata uint64, id uint32, timeout uint64, flags uint16) []byte {
	b := make([]byte, 48)
	binary.LittleEndian.PutUint64(b, userdata)
	binary.LittleEndian.PutUint32(b[16:], id)
	binary.LittleEndian.PutUint64(b[24:], timeout)
	binary.LittleEndian.PutUint16(b[40:], flags)
	return b
}

// fdSub is a subscription to a descriptor.
func fdSub(userdata uint64, kind byte, fd uint32) []byte {
	b := make([]byte, 48)
	binary.LittleEndian.PutUint64(b, userdata)
	b[8] = kind
	binary.LittleEndian.PutUint32(b[16:], fd)
	return b
}

func TestPollMovesTheClock(t *testing.T) {
	for name, c := range map[string]struct {
		subs [][]byte
		want string
	}{
		"relative":     {[][]byte{clockSub(7, 1, 500, 0)}, "0: 1 events at 1500: 7/0/0"},
		"absolute":     {[][]byte{clockSub(7, 0, 1200, 1)}, "0: 1 events at 1200: 7/0/0"},
		"past":         {[][]byte{clockSub(7, 1, 3, 1)}, "0: 1 events at 1000: 7/0/0"},
		"earliest":     {[][]byte{clockSub(1, 1, 900, 0), clockSub(2, 1, 400, 0)}, "0: 1 events at 1400: 2/0/0"},
		"both due":     {[][]byte{clockSub(1, 1, 400, 0), clockSub(2, 1, 400, 0)}, "0: 2 events at 1400: 1/0/0 2/0/0"},
		"for ever":     {[][]byte{clockSub(1, 1, 1<<64-1, 0)}, "0: 1 events at 9223372036854775807: 1/0/0"},
		"bad clock":    {[][]byte{clockSub(1, 9, 10, 0)}, "0: 1 events at 1000: 1/28/0"},
		"stdout ready": {[][]byte{clockSub(1, 1, 10, 0), fdSub(2, 2, 1)}, "0: 1 events at 1000: 2/0/2"},
		"stdin ready":  {[][]byte{fdSub(2, 1, 0)}, "0: 1 events at 1000: 2/0/1"},
		"bad fd":       {[][]byte{fdSub(2, 1, 5), fdSub(3, 2, 0)}, "0: 2 events at 1000: 2/8/1 3/8/2"},
		"bad kind":     {[][]byte{fdSub(2, 9, 1)}, "0: 1 events at 1000: 2/28/9"},
		"nothing":      {nil, "28: 0 events at 1000:"},
	} {
		i := start(t, shared, pollMachine(uint32(len(c.subs))), plugins.InstanceConfig{})
		r, err := i.Apply(context.Background(), plugins.Moment{Index: 1, Time: 1000}, [][]byte{join(c.subs...)})
		if err != nil {
			t.Fatal(err)
		}
		if got := drawPoll(r[0]); got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}

// drawPoll draws "errno: n events at clock: userdata/errno/kind ...".
func drawPoll(r plugins.Result) string {
	if r.Status < 0 {
		return fmt.Sprintf("%d %s", r.Status, r.Data)
	}
	n := binary.LittleEndian.Uint32(r.Data)
	text := fmt.Sprintf("%d: %d events at %d:", r.Status, n, binary.LittleEndian.Uint64(r.Data[4:]))
	for e := r.Data[12:]; n > 0; e, n = e[32:], n-1 {
		text += fmt.Sprintf(" %d/%d/%d", binary.LittleEndian.Uint64(e), binary.LittleEndian.Uint16(e[8:]), e[10])
	}
	return text
}

func TestWASIAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		params string
		args   []int64
		want   int32
	}{
		"clock_res_get":         {"ii", []int64{1, 16}, 0},
		"clock_time_get":        {"iIi", []int64{2, 0, 16}, 28},
		"fd_read":               {"iiii", []int64{0, 16, 0, 16}, 0},
		"fd_seek":               {"iIii", []int64{1, 0, 0, 16}, 70},
		"fd_tell":               {"ii", []int64{7, 16}, 8},
		"fd_write":              {"iiii", []int64{0, 16, 0, 16}, 8},
		"fd_fdstat_set_flags":   {"ii", []int64{2, 4}, 0},
		"fd_filestat_get":       {"ii", []int64{1, 16}, 0},
		"path_open":             {"iiiiiIIii", []int64{3, 0, 0, 0, 0, 0, 0, 0, 0}, 8},
		"sched_yield":           {"", nil, 0},
		"args_get":              {"ii", []int64{0, 0}, 0},
		"path_create_directory": {"iii", []int64{0, 0, 0}, 52},
	} {
		if got, want := callWASI(t, name, c.params, c.args), fmt.Sprintf("%d ", c.want); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

// callWASI calls one function of WASI in a machine that answers with its error
// number as status.
func callWASI(t *testing.T, name, params string, args []int64) string {
	t.Helper()
	b := wasmtest.NewBuilder()
	f := b.Import("wasi_snapshot_preview1", name, params, "i")
	code := [][]byte{wasmtest.I32Const(wasmtest.OutputAt)}
	for k, kind := range params {
		if kind == 'I' {
			code = append(code, wasmtest.I64Const(args[k]))
		} else {
			code = append(code, wasmtest.I32Const(int32(args[k])))
		}
	}
	code = append(code, wasmtest.Call(f), wasmtest.I32Store(0), store32(wasmtest.OutputAt+4, 0), wasmtest.Answer(wasmtest.OutputAt, 8))
	return apply(t, start(t, shared, machineOn(b, code...), plugins.InstanceConfig{}), 1, "x")[0]
}

func TestAssemblyScriptAbort(t *testing.T) {
	message := []byte{8, 0, 0, 0, 'b', 0, 'o', 0, 'o', 0, 'm', 0}
	for at, want := range map[int32]string{504: "-1 abort: boom", 0: "-1 abort", 65535: "-1 abort", -1: "-1 abort"} {
		b := wasmtest.NewBuilder()
		abort := b.Import("env", "abort", "iiii", "")
		b.Data(500, message)
		zero := wasmtest.I32Const(0)
		i := start(t, shared, machineOn(b, wasmtest.I32Const(at), zero, zero, zero, wasmtest.Call(abort), result(0, 0, 8)), plugins.InstanceConfig{})
		if got := apply(t, i, 1, "x")[0]; got != want {
			t.Errorf("message at %d: got %q, want %q", at, got, want)
		}
	}
}

func TestStreamsOutsideOfTheirExports(t *testing.T) {
	for _, name := range []string{"snapshot_write", "restore_read"} {
		b := wasmtest.NewBuilder()
		f := b.Import("wraft", name, "ii", "i")
		// -1 + 2 is the status, so that it is not one of the host's.
		i := start(t, shared, machineOn(b, wasmtest.I32Const(wasmtest.OutputAt),
			wasmtest.I32Const(0), wasmtest.I32Const(8), wasmtest.Call(f), wasmtest.I32Const(2), wasmtest.I32Add, wasmtest.I32Store(0),
			store32(wasmtest.OutputAt+4, 0), wasmtest.Answer(wasmtest.OutputAt, 8)), plugins.InstanceConfig{})
		if got := apply(t, i, 1, "x")[0]; got != "1 " {
			t.Errorf("%s: got %q", name, got)
		}
	}
}

func TestBrokenInstanceStaysBroken(t *testing.T) {
	i := start(t, shared, globalMachine(), plugins.InstanceConfig{})
	apply(t, i, 1, "a")
	i.Spoil()
	_, err := i.Apply(context.Background(), plugins.Moment{Index: 2}, repeat("X", 1))
	if !errors.Is(err, plugins.ErrBroken) {
		t.Fatalf("got %v", err)
	}
	_, queried := i.Query(context.Background(), nil)
	_, applied := i.Apply(context.Background(), plugins.Moment{Index: 3}, repeat("a", 1))
	for _, err := range []error{queried, applied} {
		if !errors.Is(err, plugins.ErrBroken) {
			t.Errorf("afterwards: %v", err)
		}
	}
}

func TestGuestErrorText(t *testing.T) {
	for want, err := range map[string]*plugins.GuestError{
		"plugins: wraft_snapshot: status 13: unlucky": {Export: "wraft_snapshot", Status: 13, Text: "unlucky"},
		"plugins: _initialize: unreachable":           {Export: "_initialize", Status: plugins.StatusTrap, Text: "unreachable"},
	} {
		if err.Error() != want {
			t.Errorf("got %q, want %q", err, want)
		}
	}
	if text := (&plugins.RefusedError{Rule: "start", What: "a", Why: "b", Hint: "c", Function: -1, Offset: 3}).Error(); !strings.Contains(text, "refused: a (offset 0x3): b; c") {
		t.Errorf("got %q", text)
	}
}
