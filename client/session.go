package client

import (
	"context"
	"errors"
	"sync"

	"github.com/wraft/wraft/client/wire"
)

// sessionInflightMax bounds the commands of a session that wait at once. The
// cluster keeps an answer for each, so more would only move the queue there.
const sessionInflightMax = 128

// Session applies each command exactly once, also when attempts are lost, doubled
// or answered by a node that dies. It belongs to one machine. Commands of
// concurrent callers are applied in an order of the cluster's choice. The cluster ends a
// session that nobody uses for long, or when it has too many: then Command registers anew.
type Session struct {
	client  *Client
	machine string
	slots   chan struct{}

	renewing chan struct{} // capacity 1; held by whoever registers anew

	// mu guards the field below and what it points to.
	mu      sync.Mutex
	current *registration
}

// registration is a session of the cluster, by which commands are told apart.
type registration struct {
	id SessionID
	// last is the sequence given out last; waiting are those not yet answered.
	last    uint64
	waiting map[uint64]struct{}
}

func newRegistration(id SessionID) *registration {
	return &registration{id: id, waiting: make(map[uint64]struct{})}
}

// Register opens a session. When the outcome of an attempt is unknown it tries
// again: a session that nobody uses costs the cluster little and expires.
func (c *Client) Register(ctx context.Context, machine string) (*Session, error) {
	if err := CheckMachineName(machine); err != nil {
		return nil, err
	}
	id, err := c.register(ctx, machine)
	if err != nil {
		return nil, err
	}
	return &Session{
		client: c, machine: machine, slots: make(chan struct{}, sessionInflightMax),
		renewing: make(chan struct{}, 1), current: newRegistration(id),
	}, nil
}

func (c *Client) register(ctx context.Context, machine string) (SessionID, error) {
	ctx, cancel := c.bound(ctx, c.config.Timeout)
	defer cancel()
	a, err := c.do(ctx, &call{request: &wire.Request{Kind: wire.KindSession, Machine: machine}, machine: machine, repeatable: true})
	if err != nil {
		// Like a read: whatever was registered, no command was applied.
		return 0, asRead(err)
	}
	return openedSession(a)
}

// ID is the number of the cluster's session that the next command goes under.
func (s *Session) ID() SessionID { return s.registered().id }

func (s *Session) registered() *registration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.current
}

// Command applies one command exactly once. It repeats the command under the same
// sequence until it has an answer or ctx ends (Config.Timeout when ctx has no
// deadline). errors.Is(err, ErrUnknownOutcome) then says that it may have been
// applied, once. When the cluster has ended the session, and no attempt of this command can
// have been applied, it registers anew, once, and goes on; otherwise the error is also
// ErrSessionExpired: only the machine's state tells, and later commands go on.
func (s *Session) Command(ctx context.Context, data []byte) (CommandResult, error) {
	ctx, cancel := s.client.bound(ctx, s.client.config.Timeout)
	defer cancel()
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	case <-ctx.Done():
		return CommandResult{}, NewProblem(CodeTimeout, "%d commands of the session wait already", sessionInflightMax).WithCause(ctx.Err())
	}
	r := s.registered()
	result, err := s.commandUnder(ctx, r, data)
	var ended *Problem
	if !errors.As(err, &ended) || ended.Code != CodeSessionExpired {
		return result, err
	}
	if ended.Outcome != NotApplied {
		return result, ended.WithHint("The session ended while the outcome of an earlier attempt was open: read the state before you send the command again.")
	}
	if r, err = s.renew(ctx, r); err != nil {
		return CommandResult{}, err
	}
	return s.commandUnder(ctx, r, data)
}

// commandUnder applies a command under one registration.
func (s *Session) commandUnder(ctx context.Context, r *registration, data []byte) (CommandResult, error) {
	sequence, below := s.begin(r)
	// Why also when the outcome is unknown: nobody waits for this answer any more,
	// and an attempt still under way is applied at most once whatever we forget.
	defer s.end(r, sequence)
	return s.client.command(ctx, &call{
		request: &wire.Request{
			Kind: wire.KindCommand, Machine: s.machine, Data: data,
			Session: uint64(r.id), Sequence: sequence, AcknowledgedBelow: below,
		},
		repeatable: true, patient: true,
	})
}

// renew registers anew, unless another caller has since r.
//
// Why that gives nothing up: what was sent under r and is still under way is refused, since
// a machine never makes a session of that number again, nor does another one of its name.
func (s *Session) renew(ctx context.Context, r *registration) (*registration, error) {
	select {
	case s.renewing <- struct{}{}:
		defer func() { <-s.renewing }()
	case <-ctx.Done():
		return nil, NewProblem(CodeTimeout, "the session ended, and another one is being registered").WithCause(ctx.Err())
	}
	if now := s.registered(); now != r {
		return now, nil
	}
	id, err := s.client.register(ctx, s.machine)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.current = newRegistration(id)
	return s.current, nil
}

// begin takes the next sequence, and tells the lowest one still waited for.
func (s *Session) begin(r *registration) (sequence, below uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r.last++
	r.waiting[r.last] = struct{}{}
	below = r.last
	for waiting := range r.waiting {
		below = min(below, waiting)
	}
	return r.last, below
}

// end stops waiting for a sequence.
func (s *Session) end(r *registration, sequence uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(r.waiting, sequence)
}
