package client

import (
	"context"
	"sync"

	"github.com/wraft/wraft/client/wire"
)

// sessionInflightMax bounds the commands of a session that wait at once. The
// cluster keeps an answer for each, so more would only move the queue there.
const sessionInflightMax = 128

// Session applies each command exactly once, also when attempts are lost, doubled
// or answered by a node that dies. It belongs to one machine. Commands of
// concurrent callers are applied in an order of the cluster's choice.
type Session struct {
	client  *Client
	machine string
	id      SessionID
	slots   chan struct{}

	// mu guards the fields below.
	mu sync.Mutex
	// last is the sequence given out last; waiting are those not yet answered.
	last    uint64
	waiting map[uint64]struct{}
}

// Register opens a session. When the outcome of an attempt is unknown it tries
// again: a session that nobody uses costs the cluster little and expires.
func (c *Client) Register(ctx context.Context, machine string) (*Session, error) {
	if err := CheckMachineName(machine); err != nil {
		return nil, err
	}
	ctx, cancel := c.bound(ctx, c.config.Timeout)
	defer cancel()
	a, err := c.do(ctx, &call{request: &wire.Request{Kind: wire.KindSession, Machine: machine}, machine: machine, repeatable: true})
	if err != nil {
		// Like a read: whatever was registered, no command was applied.
		return nil, asRead(err)
	}
	id, err := openedSession(a)
	if err != nil {
		return nil, err
	}
	return &Session{
		client: c, machine: machine, id: id,
		slots: make(chan struct{}, sessionInflightMax), waiting: make(map[uint64]struct{}),
	}, nil
}

// ID is the session's number.
func (s *Session) ID() SessionID { return s.id }

// Command applies one command exactly once. It repeats the command under the same
// sequence until it has an answer or ctx ends (Config.Timeout when ctx has no
// deadline). errors.Is(err, ErrUnknownOutcome) then says that it may have been
// applied, once; ErrSessionExpired that the session is of no more use.
func (s *Session) Command(ctx context.Context, data []byte) (CommandResult, error) {
	ctx, cancel := s.client.bound(ctx, s.client.config.Timeout)
	defer cancel()
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	case <-ctx.Done():
		return CommandResult{}, NewProblem(CodeTimeout, "%d commands of the session wait already", sessionInflightMax).WithCause(ctx.Err())
	}
	sequence, below := s.begin()
	// Why also when the outcome is unknown: nobody waits for this answer any more,
	// and an attempt still under way is applied at most once whatever we forget.
	defer s.end(sequence)
	return s.client.command(ctx, &call{
		request: &wire.Request{
			Kind: wire.KindCommand, Machine: s.machine, Data: data,
			Session: uint64(s.id), Sequence: sequence, AcknowledgedBelow: below,
		},
		repeatable: true, patient: true,
	})
}

// begin takes the next sequence, and tells the lowest one still waited for.
func (s *Session) begin() (sequence, below uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last++
	s.waiting[s.last] = struct{}{}
	below = s.last
	for waiting := range s.waiting {
		below = min(below, waiting)
	}
	return s.last, below
}

// end stops waiting for a sequence.
func (s *Session) end(sequence uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.waiting, sequence)
}
