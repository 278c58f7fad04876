// Package wraft turns a Go type into a replicated state machine.
//
// Write a type with four methods, register it, and build it for WebAssembly:
//
//	type counter struct{ value int64 }
//
//	func (c *counter) Apply(ctx *wraft.Context, command []byte) ([]byte, error) { ... }
//	func (c *counter) Query(ctx *wraft.Context, query []byte) ([]byte, error)   { ... }
//	func (c *counter) Snapshot(w io.Writer) error                               { ... }
//	func (c *counter) Restore(r io.Reader, fromVersion uint32) error            { ... }
//
//	func init() { wraft.Register(&counter{}) }
//	func main() {}
//
//	GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared -trimpath -buildvcs=false -ldflags="-s -w" -o counter.wasm .
//
// It is not a client and not a host. Every replica runs the same commands in
// the same order, and the host makes sure that they compute the same: there is
// no clock but Context.Now, no chance but Context.Random, no file and no
// network. time.Now and crypto/rand work and give the same answers as the
// Context does.
//
// The mental model: a machine is a value, and a command is a function from
// that value to the next. A command that panics is undone as if it had never
// been applied; one that returns an error is not, so check before changing.
//
// Concurrency: the host calls one method at a time. Goroutines run only while
// a method runs; don't leave any behind.
//
// In an ordinary build the package contains no host at all: create a Context
// from a Fake and test the machine as any other type.
package wraft
