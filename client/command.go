package client

import "time"

// Command is one command on its way to a machine.
type Command struct {
	// Data is opaque to everything but the machine. The receiver of a Command
	// must not change it and may keep it.
	Data []byte
	// Session and Sequence make the command exactly-once; both are 0 in a plain,
	// at-most-once command. Sequences of a session begin at 1.
	Session  SessionID
	Sequence uint64
	// AcknowledgedBelow is the lowest sequence the client still waits for.
	// Answers below it may be forgotten. 0 says nothing.
	AcknowledgedBelow uint64
	// Key makes the command exactly-once without a session: all commands under one key,
	// of 1 to KeyBytesMax visible ASCII characters, are one. "" is none.
	Key string
	// Forward lets a node that does not lead pass the command on. Without it,
	// such a node answers with CodeNotLeader, which names the leader.
	Forward bool
}

// KeyBytesMax is the longest idempotency key.
const KeyBytesMax = 255

// CheckKey refuses what is no idempotency key.
func CheckKey(key string) error {
	if key == "" || len(key) > KeyBytesMax {
		return NewProblem(CodeBadRequest, "%s has %d bytes: use 1 to %d", HeaderIdempotencyKey, len(key), KeyBytesMax)
	}
	for _, c := range []byte(key) {
		if c <= ' ' || c > '~' {
			return NewProblem(CodeBadRequest, "%s holds the byte 0x%02x: use visible ASCII characters", HeaderIdempotencyKey, c)
		}
	}
	return nil
}

// CommandResult is the answer to an applied command.
type CommandResult struct {
	// Data is what the machine answered; the receiver owns it.
	Data []byte
	// Index and Term say where the log holds the command.
	Index uint64
	Term  uint64
	// Replayed is true when an earlier attempt of the same session and sequence, or
	// under the same key, had been applied, and this is its stored answer.
	Replayed bool
	// Leader is the API address (host:port) of the node that led, "" if unknown.
	Leader string
}

// Consistency says how fresh the answer to a query has to be.
type Consistency string

// The consistencies a query can ask for.
const (
	// Linearizable sees every command acknowledged before the query began. It is
	// the default.
	Linearizable Consistency = "linearizable"
	// Stale is answered from the node's own replica without asking anybody; it
	// may lack recent commands. See Query.MinIndex and Query.MaxStaleness.
	Stale Consistency = "stale"
	// Lease is linearizable while clocks keep their promise, and saves the leader a
	// round through its followers. Nodes refuse it with CodeLeaseNotAllowed unless
	// their configuration allows it.
	Lease Consistency = "lease"
)

// Query is one read on its way to a machine.
type Query struct {
	// Data is opaque to everything but the machine; the receiver must not change it.
	Data []byte
	// Consistency is Linearizable when empty.
	Consistency Consistency
	// MaxStaleness bounds how old the answer to a Stale query may be: it covers every
	// command acknowledged longer before. A replica that does not know enough asks its
	// leader, and says CodeTooStale when it cannot learn it. 0 asks for nothing.
	MaxStaleness time.Duration
	// MinIndex is the applied index the answering replica must have reached,
	// for reading one's own writes. 0 asks for nothing.
	MinIndex uint64
	// Wait bounds how long a replica may take to reach MinIndex, or to learn enough for
	// MaxStaleness if that is to be longer than usual; 0 does not wait.
	Wait time.Duration
	// Forward lets a node that does not lead ask the leader. Without it, such a
	// node answers a linearizable query with CodeNotLeader.
	Forward bool
}

// QueryResult is the answer to a query.
type QueryResult struct {
	// Data is what the machine answered; the receiver owns it.
	Data []byte
	// AppliedIndex is the index the answering replica had applied.
	AppliedIndex uint64
	// Staleness is how long ago, at most, the answer was the newest state; 0 for
	// a linearizable query, negative when the replica cannot tell.
	Staleness time.Duration
	// Leader is the API address (host:port) of the machine's leader, "" if unknown.
	Leader string
}
