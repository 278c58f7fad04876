package wire

// AnswerOfConnection is the ID of an answer to no request: the node is about to close
// the connection and takes no further requests on it. Its Problem says why.
const AnswerOfConnection = 0

// Answer is what became of one request, a map from small numbers. What is empty is
// left out.
type Answer struct {
	// ID is that of the request, or AnswerOfConnection.
	ID uint64 `cbor:"1,keyasint"`
	// Data is what the machine answered; for KindMachine its description in JSON, as
	// the HTTP API gives it.
	Data []byte `cbor:"2,keyasint,omitempty"`
	// Problem is there when the request failed: the JSON of RFC 9457, as the HTTP API
	// gives it.
	Problem []byte `cbor:"3,keyasint,omitempty"`
	// RetryAfterMillis is how long to wait at least before another try.
	RetryAfterMillis uint64 `cbor:"4,keyasint,omitempty"`
	// Index and Term say where the log holds a command, Replayed that this is the stored
	// answer of an earlier attempt.
	Index    uint64 `cbor:"5,keyasint,omitempty"`
	Term     uint64 `cbor:"6,keyasint,omitempty"`
	Replayed bool   `cbor:"7,keyasint,omitempty"`
	// Leader is the API address of the machine's leader, "" if unknown.
	Leader string `cbor:"8,keyasint,omitempty"`
	// Session is the one that was registered.
	Session uint64 `cbor:"9,keyasint,omitempty"`
	// Applied is the index the replica that answered a query had applied.
	Applied uint64 `cbor:"10,keyasint,omitempty"`
	// StalenessMillis is how old the answer to a query may be, -1 when the replica cannot
	// tell.
	StalenessMillis int64 `cbor:"11,keyasint,omitempty"`
	// Results are what became of the commands of a batch, in their order.
	Results []BatchResult `cbor:"12,keyasint,omitempty"`
	// Events are those that were asked for. At is the place up to which there are no others,
	// and More says that there are some behind it already.
	Events []Event `cbor:"13,keyasint,omitempty"`
	At     *Place  `cbor:"14,keyasint,omitempty"`
	More   bool    `cbor:"15,keyasint,omitempty"`
}

// BatchResult is what became of one command of a batch, an array of five: as in an Answer to
// a command.
type BatchResult struct {
	_        struct{} `cbor:",toarray"`
	Data     []byte
	Problem  []byte
	Index    uint64
	Term     uint64
	Replayed bool
}

// Event is what a machine emitted, an array of three.
type Event struct {
	_      struct{} `cbor:",toarray"`
	Index  uint64
	Number uint32
	Data   []byte
}
