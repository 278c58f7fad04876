package wraft

import "time"

// Level is the severity of a log line.
type Level int32

// Levels of log lines. LevelError means that a human is needed.
const (
	LevelDebug Level = iota
	LevelInfo
	LevelWarn
	LevelError
)

// host is what a Context reaches: the real one in WebAssembly, a Fake in tests.
type host interface {
	now() int64
	index() uint64
	random(b []byte)
	log(level Level, text string)
	emit(data []byte)
}

// Context is what a machine may know of the world while a method runs. It is
// the same on every replica.
type Context struct{ host host }

// Now is the time of the log: it advances with the leader's clock, never goes
// back, and stands still while a method runs. Its zero point is the start of
// the log and not 1970, so use it for durations and expiry.
func (c *Context) Now() time.Time { return time.Unix(0, c.host.now()) }

// Index is the position in the log of the entry being applied; in a query, of
// the last one applied.
func (c *Context) Index() uint64 { return c.host.index() }

// Random fills b with bytes that are the same on every replica. They are not
// secret: whoever knows the cluster can compute them.
func (c *Context) Random(b []byte) { c.host.random(b) }

// Log writes a line to the log of each replica, within a budget per entry.
func (c *Context) Log(level Level, text string) { c.host.log(level, text) }

// Emit hands an event to the machine's subscribers, at least once, in order.
// data is copied. Too many bytes in one entry fail its commands.
func (c *Context) Emit(data []byte) { c.host.emit(data) }
