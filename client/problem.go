package client

import (
	"errors"
	"fmt"
	"time"
)

// Outcome says what became of the command an error is about.
type Outcome string

// The outcomes of a failed request.
const (
	// NotApplied: the command has not been and will not be applied.
	NotApplied Outcome = "not-applied"
	// Applied: the command was applied; the error is about what came after.
	Applied Outcome = "applied"
	// Unknown: it may have been applied or may still be. Only a session can
	// repeat it safely.
	Unknown Outcome = "unknown"
)

var (
	// ErrUnknownOutcome: the command may or may not be applied. Repeat it only
	// under the same session and sequence or idempotency key, or read the state first.
	ErrUnknownOutcome = errors.New("client: outcome unknown")
	// ErrUnavailable: no server was reached or the group has no leader or quorum.
	// Nothing was applied; retry later.
	ErrUnavailable = errors.New("client: unavailable")
	// ErrNotFound: there is no such machine, module or path. Fix the name.
	ErrNotFound = errors.New("client: not found")
	// ErrConflict: the request contradicts what the cluster already holds. Read
	// the current state and decide again.
	ErrConflict = errors.New("client: conflict")
	// ErrSessionExpired: the machine no longer knows the session; the command was
	// not executed by this attempt. Session.Command registers anew where no earlier
	// attempt is in doubt; elsewhere find out from the state whether one got through.
	ErrSessionExpired = errors.New("client: session expired")
	// ErrRefused: the module or the machine rejects the input. Fix the input.
	ErrRefused = errors.New("client: refused")
	// ErrBackpressure: the cluster has too much in hand. Slow down and retry.
	ErrBackpressure = errors.New("client: too many requests")
)

// NodeRef names a node and how to reach it.
type NodeRef struct {
	ID NodeID `json:"id"`
	// API is host:port of the node's HTTPS address, "" when unknown.
	API string `json:"api,omitempty"`
}

// Problem is a failed request, as RFC 9457 puts it on the wire. It is the one
// form of failure between node, HTTP, Go client and command line; New makes it
// from the catalogue.
type Problem struct {
	// Type is a URI that documents the code.
	Type string `json:"type"`
	// Title is the same for every problem of one code.
	Title string `json:"title"`
	// Status is the HTTP status, 0 for a problem that never travels.
	Status int `json:"status,omitempty"`
	// Detail says what happened this time and why.
	Detail string `json:"detail,omitempty"`
	// Code is the stable name of this kind of problem.
	Code Code `json:"code"`
	// Retryable is true when the same request may succeed later, unchanged.
	Retryable bool `json:"retryable"`
	// Outcome says what became of the request.
	Outcome Outcome `json:"outcome"`
	// Hint says what to try.
	Hint string `json:"hint,omitempty"`
	// Leader is the group's leader, when it is known and somebody else.
	Leader *NodeRef `json:"leader,omitempty"`
	// Limit is the limit that is out of its range, as MachineLimits names it in JSON.
	Limit string `json:"limit,omitempty"`
	// Index is where the log may hold the command when the outcome is unknown;
	// 0 when nothing was appended or the place is not known. With CodeEventsGone it is the
	// first index from which on all events are kept, with CodeEntriesGone the first of the log.
	Index uint64 `json:"index,omitempty"`
	// StalenessMillis is how old, at most, the state is that CodeTooStale is about; -1 when
	// the replica cannot tell.
	StalenessMillis int64 `json:"staleness_ms,omitempty"`
	// RetryAfter is how long to wait at least; it travels as a header.
	RetryAfter time.Duration `json:"-"`
	// Cause is the local error behind a problem that this program made itself.
	Cause error `json:"-"`
}

// NewProblem makes a problem of the catalogue's kind code, with a detail in the
// manner of fmt.Sprintf. An unlisted code becomes CodeInternal.
func NewProblem(code Code, format string, args ...any) *Problem {
	kind, ok := Lookup(code)
	if !ok {
		kind, _ = Lookup(CodeInternal)
	}
	return &Problem{
		Type:      kind.TypeURI(),
		Title:     kind.Title,
		Status:    kind.Status,
		Detail:    fmt.Sprintf(format, args...),
		Code:      kind.Code,
		Retryable: kind.Retryable,
		Outcome:   kind.Outcome,
		Hint:      kind.Hint,
	}
}

// WithHint is p with a hint that fits better than the catalogue's.
func (p *Problem) WithHint(format string, args ...any) *Problem {
	p.Hint = fmt.Sprintf(format, args...)
	return p
}

// WithLeader is p with the group's leader.
func (p *Problem) WithLeader(leader NodeRef) *Problem {
	if leader.ID != 0 {
		p.Leader = &leader
	}
	return p
}

// WithIndex is p with the place the log may hold the command at.
func (p *Problem) WithIndex(index uint64) *Problem {
	p.Index = index
	return p
}

// WithOutcome is p with another outcome than its kind's usual one.
func (p *Problem) WithOutcome(o Outcome) *Problem {
	p.Outcome = o
	return p
}

// OfRead is p as the problem of a request that changes nothing: whatever else is
// in doubt, nothing was applied.
func (p *Problem) OfRead() *Problem {
	if p.Outcome != Unknown {
		return p
	}
	p.Outcome = NotApplied
	if p.Code != CodeInternal {
		p.Retryable, p.Hint = true, "Retry; the request changes nothing."
	}
	return p
}

// WithCause is p with the local error that caused it.
func (p *Problem) WithCause(err error) *Problem {
	p.Cause = err
	return p
}

// Error is one line: title, detail and code. The hint is left to the caller.
func (p *Problem) Error() string {
	if p.Detail == "" {
		return fmt.Sprintf("%s (%s)", p.Title, p.Code)
	}
	return fmt.Sprintf("%s: %s (%s)", p.Title, p.Detail, p.Code)
}

// Unwrap is the local cause.
func (p *Problem) Unwrap() error { return p.Cause }

// Is makes the sentinels of this package match the problems they stand for.
func (p *Problem) Is(target error) bool {
	switch target {
	case ErrUnknownOutcome:
		return p.Outcome == Unknown
	case ErrSessionExpired:
		return p.Code == CodeSessionExpired
	case ErrBackpressure:
		return p.Code == CodeBackpressure
	}
	kind, ok := Lookup(p.Code)
	if !ok {
		return false
	}
	switch target {
	case ErrUnavailable:
		return kind.Exit == ExitUnreachable || (kind.Exit == ExitNoQuorum && p.Outcome == NotApplied)
	case ErrNotFound:
		return kind.Exit == ExitNotFound
	case ErrConflict:
		return kind.Exit == ExitConflict
	case ErrRefused:
		return kind.Exit == ExitRefused
	}
	return false
}
