package plugins

import (
	"context"
	"errors"
	"fmt"
)

// Query asks the machine without changing it. It runs on the live guest and is
// undone, so what it costs beyond its own work is what it touched. It may spend
// what Limits allow a query, and holds up the instance as long: Quick and Fork
// are for who cannot wait.
//
// A trap is a result, as in Apply. The error is trouble of this host; if it is
// ErrBroken the instance cannot go on.
func (i *Instance) Query(ctx context.Context, query []byte) (Result, error) {
	r, _, err := i.queryWithin(ctx, query, i.queryFuel())
	return r, err
}

// Quick is Query with QuickFuelMax (InstanceConfig) to spend at most. done is
// false when that was not enough: nothing has happened then, and a Fork can answer
// the query beside the instance.
func (i *Instance) Quick(ctx context.Context, query []byte) (r Result, done bool, err error) {
	return i.queryWithin(ctx, query, min(i.queryFuel(), i.config.QuickFuelMax))
}

func (i *Instance) queryFuel() int64 {
	return i.config.Limits.callFuel(i.MemoryBytes())
}

func (i *Instance) queryWithin(ctx context.Context, query []byte, fuel int64) (r Result, done bool, err error) {
	if err := i.settled(ctx); err != nil {
		return Result{}, false, err
	}
	if r := i.config.Limits.refuseQuery(query); r != nil {
		return *r, true, nil
	}
	held := i.queryFuel() - fuel
	err = i.visit(domainQuery, func(g *guest) error {
		g.host.meter.hold(held)
		r, err = g.ask(query)
		return err
	})
	var f *fault
	if errors.As(err, &f) {
		return f.result(), held == 0 || f.status != StatusFuel, nil
	}
	return r, err == nil, err
}

// refuseQuery is the result of a query that is too large to be asked, or nil.
func (l Limits) refuseQuery(query []byte) *Result {
	if len(query) <= l.CommandBytesMax {
		return nil
	}
	text := fmt.Sprintf("the query has %d bytes, the limit is %d", len(query), l.CommandBytesMax)
	return &Result{Status: StatusLimits, Data: []byte(text)}
}

// visit runs f on the live guest, with what its memory allows to spend, and undoes
// whatever it did.
func (i *Instance) visit(domain byte, f func(g *guest) error) error {
	i.live.prepare(domain)
	err := f(i.live)
	i.logOutput(i.live)
	if undo := i.rollback(); undo != nil {
		return i.breakWith(undo)
	}
	return err
}

// prepare readies a guest for a call that is not part of the log.
func (g *guest) prepare(domain byte) {
	g.host.begin(g.host.moment, domain, 0)
	l := g.host.limits
	g.host.meter.fill(l.callFuel(int64(g.memory.size())), l.StackBytesMax)
}

// ask passes one query to the guest.
func (g *guest) ask(query []byte) (Result, error) {
	answer, err := g.exchange(g.query, query)
	if err != nil {
		return Result{}, err
	}
	var one [1]Result
	if _, err := parseResults(answer, 1, one[:0]); err != nil {
		return Result{}, err
	}
	return one[0], nil
}
