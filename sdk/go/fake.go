package wraft

import (
	"math/rand/v2"
	"time"
)

// Fake is a host for unit tests. Set its fields, call Context, and look at
// Logs and Events afterwards.
type Fake struct {
	// Time and Index are what the Context reports.
	Time  time.Duration
	Index uint64
	// Seed picks the random bytes.
	Seed uint64
	// Logs and Events are what the machine logged and emitted.
	Logs   []string
	Events [][]byte

	stream *rand.ChaCha8
}

// Context returns a Context that reaches this fake.
func (f *Fake) Context() *Context { return &Context{host: (*fakeHost)(f)} }

// fakeHost keeps the methods of host off the exported Fake.
type fakeHost Fake

func (f *fakeHost) now() int64    { return int64(f.Time) }
func (f *fakeHost) index() uint64 { return f.Index }

func (f *fakeHost) random(b []byte) {
	if f.stream == nil {
		var key [32]byte
		for i := range 8 {
			key[i] = byte(f.Seed >> (8 * i))
		}
		f.stream = rand.NewChaCha8(key)
	}
	f.stream.Read(b) // never fails
}

func (f *fakeHost) log(_ Level, text string) { f.Logs = append(f.Logs, text) }

func (f *fakeHost) emit(data []byte) { f.Events = append(f.Events, append([]byte(nil), data...)) }
