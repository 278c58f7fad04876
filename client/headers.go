package client

import "time"

// TimeoutMax is the longest a request may wait, in Wraft-Timeout or by default.
const TimeoutMax = 5 * time.Minute

// The headers of the HTTP API. Requests carry the first block, answers the second.
const (
	// HeaderTimeout bounds a request, in the form of time.ParseDuration ("5s").
	HeaderTimeout = "Wraft-Timeout"
	// HeaderSession, HeaderSequence and HeaderAcknowledgedBelow make a command
	// exactly-once; they are decimal numbers and come together.
	HeaderSession           = "Wraft-Session"
	HeaderSequence          = "Wraft-Sequence"
	HeaderAcknowledgedBelow = "Wraft-Acknowledged-Below"

	// HeaderIdempotencyKey makes a command exactly-once by a name of the client's choice.
	HeaderIdempotencyKey = "Idempotency-Key"

	// HeaderServedBy is the ID of the node that answered.
	HeaderServedBy = "Wraft-Served-By"
	// HeaderIndex and HeaderTerm say where the log holds, or may hold, the command.
	HeaderIndex = "Wraft-Index"
	HeaderTerm  = "Wraft-Term"
	// HeaderReplayed is "true" on the stored answer to a repeated command.
	HeaderReplayed = "Wraft-Replayed"
	// HeaderLeader is the API address of the machine's leader.
	HeaderLeader = "Wraft-Leader"
	// HeaderAppliedIndex is the index the replica that answered a query had applied.
	HeaderAppliedIndex = "Wraft-Applied-Index"
	// HeaderStaleness is how old the answer to a query may be, in milliseconds.
	HeaderStaleness = "Wraft-Staleness-Ms"
)

// ProblemMediaType is the content type of a Problem (RFC 9457).
const ProblemMediaType = "application/problem+json"
