package wasmtest

import (
	"bytes"
	"testing"
)

var faulty = guest{dir: "internal/wasmtest/guests/faulty"}

// faultMark stands before the name of the fault in the built module, faultBlanks
// where that name goes.
const (
	faultMark   = "wraft faulty guest:"
	faultBlanks = "                    "
)

// Faulty is guests/faulty with the fault of that name, "" for none.
func Faulty(tb testing.TB, fault string) []byte {
	tb.Helper()
	built := faulty.build(tb)
	if n := bytes.Count(built, []byte(faultMark+faultBlanks)); n != 1 {
		tb.Fatalf("wasmtest: the built module says %d times which fault it has", n)
	}
	named := faultMark + fault + faultBlanks[len(fault):]
	return bytes.Replace(built, []byte(faultMark+faultBlanks), []byte(named), 1)
}
