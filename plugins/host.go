package plugins

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"io"
	"math/rand/v2"

	"github.com/wraft/wraft/plugins/instrument"
)

// Moment is what a guest may know of the world while it handles an entry. All
// of it comes from the log, so it is the same on every replica.
type Moment struct {
	// Index of the entry in the log.
	Index uint64
	// Time of the log in nanoseconds. It never goes back between entries; if
	// it does, the guest keeps seeing the later time.
	Time int64
	// WallTime is the leader's wall clock in Unix nanoseconds, for display in
	// logs only. Guests don't see it.
	WallTime int64
}

// Event is what a guest emitted for subscribers.
type Event struct {
	// Index of the entry, and the event's number within it, from 0.
	Index uint64
	N     int
	Data  []byte
}

// Domains keep the random streams of different uses apart.
const (
	domainInit byte = iota
	domainApply
	domainQuery
	domainSnapshot
	domainRestore
)

// host is what one guest's imports act upon. Only clock outlives a call; it
// is part of the machine's state.
type host struct {
	memory *linearMemory
	meter  meter
	limits Limits
	seed   [32]byte
	// semantics are those of the artefact's version.
	semantics hostSemantics

	clock    int64 // what the guest sees as time, in nanoseconds
	moment   Moment
	domain   byte
	position uint32        // 0: a whole entry; k: its k-th command alone
	random   *rand.ChaCha8 // of this call; nil until asked
	output   output        // log lines of this call
	events   []Event       // of this call
	emitted  int           // bytes of events, overhead included
	failure  string        // set_error of this call
	sink     io.Writer     // of snapshot_write; nil outside of a snapshot
	source   io.Reader     // of restore_read; nil outside of a restore
	left     int64         // bytes that snapshot_write may still take
	stream   error         // what broke sink or source
}

// clockStart is the earliest time a guest sees. Go's runtime takes a clock
// that reads 0 for a broken one.
const clockStart = 1

// begin prepares for a call at a moment.
func (h *host) begin(at Moment, domain byte, position uint32) {
	h.moment, h.domain, h.position = at, domain, position
	h.clock = max(h.clock, at.Time, clockStart)
	h.random, h.failure = nil, ""
	h.events, h.emitted = nil, 0
	h.output.reset(h.limits.LogBytesMax)
}

// read fills b with the random bytes of this call. The stream is ChaCha8 keyed
// by the machine, the entry and the position in it, so that a command gets the
// same bytes wherever and whenever it is applied.
func (h *host) read(b []byte) {
	if h.random == nil {
		h.random = rand.NewChaCha8(streamKey(h.seed, h.moment.Index, h.domain, h.position))
	}
	h.random.Read(b) // never fails
}

// streamKey derives the key of a random stream. docs/ABI.md spells it out.
func streamKey(seed [32]byte, index uint64, domain byte, position uint32) [32]byte {
	const label = "wraft random v1"
	b := make([]byte, 0, len(label)+len(seed)+13)
	b = append(b, label...)
	b = append(b, seed[:]...)
	b = binary.LittleEndian.AppendUint64(b, index)
	b = append(b, domain)
	b = binary.LittleEndian.AppendUint32(b, position)
	return sha256.Sum256(b)
}

// sleep moves the clock to a point in time, never back.
func (h *host) sleep(until int64) { h.clock = max(h.clock, until) }

// fault is what a host function panics with to end the guest's call. The
// engine carries it to the caller of the guest.
type fault struct {
	status int32
	text   string
}

// Error returns the text.
func (f *fault) Error() string { return f.text }

// view returns a piece of linear memory to read or ends the call: imports of the
// ABI trap on a bad pointer as the instructions of a module do.
func (h *host) view(ptr, n uint32) []byte {
	h.charge(n)
	b, ok := h.memory.read(ptr, n)
	return inBounds(b, ok)
}

// buffer is view for what is about to be written.
func (h *host) buffer(ptr, n uint32) []byte {
	h.charge(n)
	b, ok := h.memory.writable(ptr, n)
	return inBounds(b, ok)
}

func inBounds(b []byte, ok bool) []byte {
	if !ok {
		panic(&fault{StatusTrap, "out of bounds memory access by a host function"})
	}
	return b
}

// charge pays for n bytes that a host function is about to read or write, or
// ends the call: a module must not do by way of its host what it can't pay for.
func (h *host) charge(n uint32) {
	if h.semantics.chargesBytes && !h.meter.spend(int64(n>>instrument.BulkShift)) {
		panic(&fault{StatusFuel, h.meter.outOfFuel()})
	}
}

// callContext carries the host of a guest to its imports. It is deliberately
// not derived from a caller's context: nothing of the caller may reach a guest.
type callContext struct {
	context.Context
	host *host
}

func newCallContext(h *host) *callContext {
	return &callContext{Context: context.Background(), host: h}
}

// hostOf finds the host in the context that the engine hands to an import.
func hostOf(ctx context.Context) *host { return ctx.(*callContext).host }
