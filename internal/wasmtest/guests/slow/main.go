// Command slow is a machine for tests: besides keeping a number it takes long,
// traps, sleeps, grows and lies when it is told to. Commands are a verb and an
// operand, see verbs.go.
package main

import "github.com/wraft/wraft/sdk/go"

func init() { wraft.Register(newMachine()) }

// main is never called: the module is a library for the host.
func main() {}
