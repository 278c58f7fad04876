package kvmodule

import _ "embed" // the module

// Compiler is what kv.wasm was compiled with, as internal/toolchain names it.
const Compiler = "clang-14.0.6"

//go:embed kv.wasm
var binary []byte

// Binary is the module; nobody may change it.
func Binary() []byte { return binary }
