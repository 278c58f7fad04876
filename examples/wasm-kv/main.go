// Command wasm-kv is a small replicated key-value store. See README.md for its
// commands, which are CBOR.
package main

import "github.com/wraft/wraft/sdk/go"

func init() { wraft.Register(newStore()) }

// main is never called: the module is a library for the host.
func main() {}
