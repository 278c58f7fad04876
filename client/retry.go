package client

import (
	"context"
	"errors"
	"net/http"
	"time"
)

// unreachableRoundsMax is how often an impatient call goes through all endpoints
// before it says that no server is reached.
const unreachableRoundsMax = 2

// do sends k until it is answered for good, cannot be repeated safely, or runs
// out of time or attempts. The error is a *Problem whose outcome covers all
// attempts together.
func (c *Client) do(ctx context.Context, k *call) (answer, error) {
	it := c.endpoints.itinerary(k.machine)
	if k.nearby {
		it.follow(c.nearest.endpoints())
	}
	doubt := false
	var before *Problem // of the attempt before
	pause := c.config.BackoffMin
	for n := 1; ; n++ {
		host := it.next()
		a, p := c.attemptInTime(ctx, host, k)
		if p == nil {
			if !k.nearby { // Why: what is near to this program need not be good for others
				c.endpoints.worked(host)
			}
			if leader := a.said.Leader; leader != "" {
				c.endpoints.learn(k.machine, leader)
			}
			return a, nil
		}
		if before != nil && k.cutOff(ctx, p) {
			return answer{}, conclude(before, doubt)
		}
		doubt = doubt || p.Outcome == Unknown
		before = p
		again := it.fail(p)
		if n >= c.config.AttemptsMax || ctx.Err() != nil || !k.mayRepeat(p, it.rounds()) {
			return answer{}, conclude(p, doubt)
		}
		if again {
			continue
		}
		if !c.wait(ctx, pause, p.RetryAfter) {
			return answer{}, conclude(p, doubt)
		}
		it.paused()
		pause = min(2*pause, c.config.BackoffMax)
	}
}

// cutOff reports whether the end of the call's time ended an attempt that changed nothing. What an
// attempt before it was told says more of why the call failed.
func (k *call) cutOff(ctx context.Context, p *Problem) bool {
	unsent, read := p.Code == CodeTimeout, k.method == http.MethodGet && p.Code == CodeConnectionLost
	return (unsent || read) && errors.Is(ctx.Err(), context.DeadlineExceeded) && errors.Is(p, context.DeadlineExceeded)
}

// attemptInTime bounds an attempt whose repetition is safe.
func (c *Client) attemptInTime(ctx context.Context, host string, k *call) (answer, *Problem) {
	if !k.repeatable || k.whole {
		return c.attempt(ctx, host, k)
	}
	ctx, cancel := context.WithTimeout(ctx, c.config.AttemptTimeout+k.wait)
	defer cancel()
	return c.attempt(ctx, host, k)
}

// wait pauses for what a node asked for, and d with jitter beyond that, and reports whether
// there is time left.
func (c *Client) wait(ctx context.Context, d, asked time.Duration) bool {
	// Why from half upwards: callers that failed together should not return
	// together, and none should return at once.
	t := time.NewTimer(asked + d/2 + time.Duration(c.config.Jitter()*float64(d/2)))
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// mayRepeat says whether sending k again is safe and may help.
func (k *call) mayRepeat(p *Problem, rounds int) bool {
	switch {
	case p.Code == CodeUnreachable || p.Code == CodeTLS:
		return rounds < unreachableRoundsMax || (k.patient && p.Code == CodeUnreachable)
	case p.Code == CodeTimeoutUnknown || p.Code == CodeConnectionLost:
		return k.repeatable
	case p.Code == CodeMachineHalted && k.anywhere:
		return rounds < unreachableRoundsMax
	case p.Code == CodeMinIndex || p.Code == CodeTooStale:
		return false // The caller said how long to wait, and it was waited.
	default:
		return p.Retryable && p.Outcome == NotApplied
	}
}

// conclude is the last attempt's problem with the outcome of all of them: one
// attempt whose outcome is unknown makes "not applied" a thing nobody can say.
func conclude(p *Problem, doubt bool) error {
	if doubt && p.Outcome == NotApplied {
		inDoubt, _ := Lookup(CodeTimeoutUnknown)
		p.Outcome, p.Retryable, p.Hint = Unknown, false, inDoubt.Hint
	}
	return p
}
