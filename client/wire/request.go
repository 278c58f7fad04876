package wire

import (
	"errors"
	"fmt"
)

// The versions of the protocol in TLS handshakes. A client offers all that it speaks, and a
// node chooses the newest that it speaks too.
const (
	// ALPN1 has the kinds up to KindCancel.
	ALPN1 = "wraft-client/1"
	// ALPN2 has tokens, batches and events besides, and requests may name their place in a trace.
	ALPN2 = "wraft-client/2"
)

// ALPNs are all versions, the newest first.
func ALPNs() []string { return []string{ALPN2, ALPN1} }

// AltSvc is ALPN1 as an Alt-Svc header writes it (RFC 7838 §3): what no token may hold
// is escaped. Why the first version: clients of the first release look for nothing else, and
// which one is spoken shows in the handshake.
const AltSvc = "wraft-client%2F1"

// CloseCode says why a node closed a connection.
type CloseCode uint64

// The codes that connections are closed with.
const (
	// CloseEnded: the node shuts down, or the client has no more to ask.
	CloseEnded CloseCode = 0
	// CloseMalformed: what came was no frame of this protocol.
	CloseMalformed CloseCode = 1
	// CloseStalled: a frame did not arrive in time, or answers were not read.
	CloseStalled CloseCode = 2
	// CloseNoCertificate: the client showed no certificate that the cluster accepts.
	// It showed no token either, and nothing that it sent was carried out.
	CloseNoCertificate CloseCode = 3
)

// Kind says what a request asks for.
type Kind uint8

// The kinds of requests.
const (
	// KindCommand replicates one command.
	KindCommand Kind = 1
	// KindQuery reads a machine.
	KindQuery Kind = 2
	// KindSession registers a session.
	KindSession Kind = 3
	// KindMachine describes a machine.
	KindMachine Kind = 4
	// KindCancel says that nobody waits for the request of this ID any more. It has
	// nothing but an ID, and no answer of its own.
	KindCancel Kind = 5
	// KindToken shows a token, in Data: what is asked afterwards is asked by its holder. It
	// is the first request of a connection, or there is none.
	KindToken Kind = 6
	// KindBatch replicates commands that do not depend on each other.
	KindBatch Kind = 7
	// KindEvents asks for the events of a machine behind a place.
	KindEvents Kind = 8
)

// Kinds are all kinds that are answered.
func Kinds() []Kind {
	return []Kind{KindCommand, KindQuery, KindSession, KindMachine, KindToken, KindBatch, KindEvents}
}

// In reports whether a version of the protocol has the kind.
func (k Kind) In(alpn string) bool { return k <= KindCancel || alpn == ALPN2 }

// String is the kind as metrics name it.
func (k Kind) String() string {
	switch k {
	case KindCommand:
		return "command"
	case KindQuery:
		return "query"
	case KindSession:
		return "session"
	case KindMachine:
		return "machine"
	case KindCancel:
		return "cancel"
	case KindToken:
		return "token"
	case KindBatch:
		return "batch"
	case KindEvents:
		return "events"
	}
	return "unknown"
}

// Consistency is that of a query.
type Consistency uint8

// The consistencies of a query.
const (
	Linearizable Consistency = 0
	Stale        Consistency = 1
	Lease        Consistency = 2
)

// Request is one request, a map from small numbers. What is empty is left out.
type Request struct {
	// ID is the client's name for the request; not 0, and not that of another one that
	// is not answered yet.
	ID uint64 `cbor:"1,keyasint"`
	// Kind is one of the constants; further ones are for other versions of the protocol.
	Kind Kind `cbor:"2,keyasint"`
	// Machine is the machine's name; it is there in every kind but KindCancel and KindToken.
	Machine string `cbor:"3,keyasint,omitempty"`
	// Data is the command, the query or the token.
	Data []byte `cbor:"4,keyasint,omitempty"`
	// TimeoutMillis bounds the request's time; 0 is the node's default.
	TimeoutMillis uint64 `cbor:"5,keyasint,omitempty"`
	// Session, Sequence and AcknowledgedBelow are a command's.
	Session           uint64 `cbor:"6,keyasint,omitempty"`
	Sequence          uint64 `cbor:"7,keyasint,omitempty"`
	AcknowledgedBelow uint64 `cbor:"8,keyasint,omitempty"`
	// Consistency, MinIndex and WaitMillis are a query's.
	Consistency Consistency `cbor:"9,keyasint,omitempty"`
	MinIndex    uint64      `cbor:"10,keyasint,omitempty"`
	WaitMillis  uint64      `cbor:"11,keyasint,omitempty"`
	// Direct keeps the node from passing the request on to the leader.
	Direct bool `cbor:"12,keyasint,omitempty"`
	// Export adds the digest of the machine's exported state to KindMachine.
	Export bool `cbor:"13,keyasint,omitempty"`
	// MaxStalenessMillis bounds how old the answer to a stale query may be; 0 does not.
	MaxStalenessMillis uint64 `cbor:"14,keyasint,omitempty"`
	// Key is a command's idempotency key.
	Key string `cbor:"15,keyasint,omitempty"`
	// Commands are those of a batch.
	Commands []BatchCommand `cbor:"16,keyasint,omitempty"`
	// After is the place behind which events are asked for; nil: whatever is kept. WaitMillis
	// is then how long to wait for the first one.
	After *Place `cbor:"17,keyasint,omitempty"`
	// TraceParent and TraceState are the request's place in a trace, as in the headers of W3C
	// Trace Context; from ALPN2 on.
	TraceParent string `cbor:"18,keyasint,omitempty"`
	TraceState  string `cbor:"19,keyasint,omitempty"`
}

// BatchCommand is one command of a batch, an array of two.
type BatchCommand struct {
	_    struct{} `cbor:",toarray"`
	Data []byte
	Key  string // an idempotency key, "" for none
}

// Place is that of an event, an array of two: the index that its machine saw, and its number
// among those of the index.
type Place struct {
	_      struct{} `cbor:",toarray"`
	Index  uint64
	Number uint32
}

// ErrMalformed is what all bytes that are no frame of this protocol fail with. Close
// the connection: what follows cannot be told apart.
var ErrMalformed = errors.New("wire: malformed frame")

// check refuses what no client of this version sends.
func (r *Request) check() error {
	switch {
	case r.ID == 0:
		return fmt.Errorf("%w: a request without an ID", ErrMalformed)
	case r.Kind < KindCommand || r.Kind > KindEvents:
		return fmt.Errorf("%w: a request of kind %d", ErrMalformed, r.Kind)
	}
	return nil
}
