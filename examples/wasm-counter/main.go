// Command wasm-counter is the smallest useful machine: one number that every
// replica agrees on. See README.md for its commands.
package main

import "github.com/wraft/wraft/sdk/go"

func init() { wraft.Register(&counter{}) }

// main is never called: the module is a library for the host.
func main() {}
