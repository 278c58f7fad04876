package plugins_test

import (
	"bytes"
	"cmp"
	"context"
	"strings"
	"testing"

	"github.com/wraft/wraft/internal/wasmtest"
	"github.com/wraft/wraft/plugins"
)

// confined are limits that a machine which wants all meets soon.
var confined = plugins.Limits{FuelCommandMax: 1_000_000_000, FuelBase: 1_000_000_000, FuelPerByte: 1, MemoryBytesMax: 48 << 20}

// quirks are, by the variants of wasmtest.Quirks, what commands must answer that
// differ from language to language; a text that ends in * is the start of one.
var quirks = map[string]map[string]string{
	"c": {
		"panic": "-1 unreachable: last words", "assert": "-1 unreachable: assertion failed: c.size == 0", "grow": "-1 unreachable: out of memory",
		"flood": "-1 unreachable: the results of the entry exceed 16 MiB", "arithmetic": "0 fits over fits over fits over ",
	},
	"cpp": {
		"panic": "-1 unreachable: last words", "assert": "-1 unreachable: assertion failed: c.size == 0", "grow": "-1 unreachable: out of memory",
		"flood": "-1 unreachable: the results of the entry exceed 16 MiB", "arithmetic": "0 4 over seeded",
	},
	"rust": {
		"panic": "-1 unreachable: panic: last words (*", "assert": "-1 unreachable: panic: assertion failed: c.is_empty() (*", "grow": "-1 unreachable",
		"flood": "-1 unreachable: panic: the results of the entry exceed 16 MiB (*", "arithmetic": "0 over",
	},
	"nostd": {
		"panic": "-1 unreachable: panicked at *", "assert": "-1 unreachable: panicked at *", "grow": "-1 unreachable*",
		"flood": "-1 unreachable: panicked at *", "arithmetic": "0 over",
	},
	"assemblyscript": {
		"panic": "-1 abort: last words", "assert": "-1 abort: no command", "grow": "-1 unreachable*", "flood": "-1 unreachable*",
		"arithmetic": "0 wraps", "cut off": "1 the snapshot is cut off",
	},
	"zig": {
		"panic": "-1 unreachable: last words", "assert": "-1 unreachable: *", "grow": "-1 unreachable: out of memory", "flood": "-1 unreachable: *",
		"arithmetic": "-1 unreachable: integer overflow", "cut off": "1 cut off",
	},
}

// TestGuestLibraries lets a machine of each library end its calls in every way: the
// command fails with the reason, nothing of it stays, and the next one succeeds.
func TestGuestLibraries(t *testing.T) {
	t.Setenv("RUSTC_BOOTSTRAP", "1") // an older compiler wants it for nostd
	for variant, wants := range quirks {
		t.Run(variant, func(t *testing.T) {
			i := start(t, newEngine(t, plugins.Config{Limits: confined}), wasmtest.Quirks(t, variant), plugins.InstanceConfig{Limits: confined})
			before := stateHash(t, i)
			for index, command := range []string{"panic", "assert", "deep", "loop", "grow", "flood"} {
				want := wants[command]
				switch command {
				case "deep":
					want = "-*" // the stack in linear memory or that of the engine, whichever ends first
				case "loop":
					want = "-4 out of fuel: *"
				}
				if got := apply(t, i, uint64(index+1), command)[0]; !fits(got, want) {
					t.Errorf("%s: %.200q, want %q", command, got, want)
				}
				if stateHash(t, i) != before {
					t.Fatalf("%s left a trace", command)
				}
			}
			if got := apply(t, i, 10, "arithmetic", "nothing")[0]; got != wants["arithmetic"] {
				t.Errorf("arithmetic: %q", got)
			}
			inTheWorld(t, i)
			acrossVersions(t, i, cmp.Or(wants["cut off"], "4 cut off"))
		})
	}
}

func fits(got, want string) bool {
	start, open := strings.CutSuffix(want, "*")
	return got == want || open && strings.HasPrefix(got, start)
}

// inTheWorld checks what the host tells and takes.
func inTheWorld(t *testing.T, i *plugins.Instance) {
	t.Helper()
	got := apply(t, i, 12, "world", "fly")
	if !strings.HasPrefix(got[0], `0 12000 12 fueled "`) || got[1] != "1 " {
		t.Errorf("got %q", got)
	}
	events := i.Events()
	if len(events) != 1 || string(events[0].Data) != "event" {
		t.Errorf("events %v", events)
	}
	r, err := i.Query(context.Background(), []byte("world"))
	if err != nil || !strings.HasPrefix(string(r.Data), `12000 12 fueled "`) {
		t.Errorf("query: %s, %v", r.Data, err)
	}
}

// acrossVersions hands a machine a state of an older version, and half a state, which
// it must refuse for a reason.
func acrossVersions(t *testing.T, i *plugins.Instance, cut string) {
	t.Helper()
	ctx := context.Background()
	if v, err := i.Version(ctx); v != 3 || err != nil {
		t.Errorf("version %d, %v", v, err)
	}
	state := exportOf(t, i)
	if err := i.Import(ctx, plugins.Moment{Index: 13, Time: 13000}, bytes.NewReader(state), 2); err != nil {
		t.Error(err)
	}
	if reason := importReason(t, i, 14, state[:2]); reason != cut {
		t.Errorf("a state that is cut off: %q, want %q", reason, cut)
	}
	if got := apply(t, i, 15, "before")[0]; got != "0 2" {
		t.Errorf("the version before: %q, want that of the import that succeeded", got)
	}
}
