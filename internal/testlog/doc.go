// Package testlog shows the events of `go test -json` as `go test` itself shows them, and
// remembers which tests were played and which were skipped and why. A plain `go test` keeps
// that to itself, and whoever reads "ok" takes a test that was skipped for one that passed.
//
// It is not a test runner, and what it shows decides nothing: go test's exit code does.
//
// Mental model: the events of one go test go through Show, which writes what people want to see
// and returns Outcomes; those of several runs, added to one file, come together in Read. A
// test that one run skips and another one plays was tested.
//
// Concurrency: an Outcomes belongs to one goroutine.
package testlog
