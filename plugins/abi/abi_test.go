package abi_test

import (
	"slices"
	"testing"

	"github.com/wraft/wraft/plugins/abi"
)

func TestSignatures(t *testing.T) {
	for _, name := range append(abi.RequiredExports(), abi.OptionalExports()...) {
		if _, ok := abi.ExportSignature(name); !ok {
			t.Errorf("export %s has no type", name)
		}
	}
	for name, want := range map[string]string{
		"wraft_abi_v1": "() -> ()", "wraft_alloc": "(i32) -> i32", "wraft_apply": "(i32, i32) -> i64", "_initialize": "() -> ()",
		"wraft_version": "() -> i32",
	} {
		if sig, ok := abi.ExportSignature(name); !ok || sig.String() != want {
			t.Errorf("%s is %s, %v, want %s", name, sig, ok, want)
		}
	}
	if _, ok := abi.ExportSignature("wraft_fly"); ok {
		t.Error("wraft_fly is known")
	}
}

func TestImports(t *testing.T) {
	for _, c := range []struct {
		module, name, want string
		known, ok          bool
	}{
		{"wraft", "now", "() -> i64", true, true},
		{"wasi_snapshot_preview1", "path_open", "(i32, i32, i32, i32, i32, i64, i64, i32, i32) -> i32", true, true},
		{"wasi_snapshot_preview1", "proc_exit", "(i32) -> ()", true, true},
		{"wraft", "fly", "() -> ()", true, false},
		{"js", "now", "() -> ()", false, false},
	} {
		sig, known, ok := abi.ImportSignature(c.module, c.name)
		if sig.String() != c.want || known != c.known || ok != c.ok {
			t.Errorf("%s.%s: %s, %v, %v", c.module, c.name, sig, known, ok)
		}
	}
	// Go 1.26 links these into every reactor.
	names := abi.ImportNames(abi.WASIModule)
	for _, name := range []string{"sched_yield", "proc_exit", "args_get", "args_sizes_get", "clock_time_get", "environ_get", "environ_sizes_get",
		"fd_write", "random_get", "poll_oneoff", "fd_close", "fd_fdstat_get", "fd_fdstat_set_flags", "fd_prestat_get", "fd_prestat_dir_name"} {
		if !slices.Contains(names, name) {
			t.Errorf("%s is not offered", name)
		}
	}
}

func TestTypesEqual(t *testing.T) {
	a := abi.Signature{Params: []abi.ValueType{abi.I32}, Results: []abi.ValueType{abi.F64}}
	for _, b := range []abi.Signature{{}, {Params: a.Params}, {Params: []abi.ValueType{abi.F32}, Results: a.Results}} {
		if a.Equal(b) {
			t.Errorf("%s equals %s", a, b)
		}
	}
	if !a.Equal(abi.Signature{Params: []abi.ValueType{abi.I32}, Results: []abi.ValueType{abi.F64}}) {
		t.Error("equal types differ")
	}
	if got := abi.ValueType(0x7b).String() + abi.ValueType(0x70).String() + abi.ValueType(0x6f).String() + abi.ValueType(1).String(); got != "v128funcrefexternrefunknown" {
		t.Errorf("names %s", got)
	}
}
