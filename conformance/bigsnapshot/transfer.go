package bigsnapshot

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/wraft/wraft/conformance/cluster"
	"github.com/wraft/wraft/internal/metric"
	"github.com/wraft/wraft/internal/relay"
)

// pollInterval is the pause between two looks at the receiver.
const pollInterval = 50 * time.Millisecond

// transfer starts the receiver and cuts its links at even parts of the bytes, until it
// has caught up.
func (r *run) transfer(ctx context.Context) error {
	began := time.Now()
	terms, err := r.terms(ctx)
	if err != nil {
		return err
	}
	if err := r.away.Start(); err != nil {
		return err
	}
	for k := 1; k <= r.cfg.Cuts; k++ {
		if err := r.reach(ctx, r.result.Bytes*int64(k)/int64(r.cfg.Cuts+1)); err != nil {
			return err
		}
		last := k == r.cfg.Cuts
		if last {
			r.result.During, r.result.Writes = r.load.p99(began, time.Now())
			now, err := r.terms(ctx)
			if err != nil {
				return err
			}
			r.result.Elections = now - terms
		}
		restart := k == max(1, r.cfg.Cuts/3) || k == max(2, 2*r.cfg.Cuts/3)
		if err := r.strike(ctx, restart, last); err != nil {
			return fmt.Errorf("cut %d: %w", k, err)
		}
	}
	for _, m := range r.cfg.machines() {
		if err := r.caughtUp(ctx, m); err != nil {
			return err
		}
	}
	r.result.Received, err = r.received(ctx)
	r.result.Took = time.Since(began)
	return err
}

// strike cuts the receiver's links until its connections are gone, and then kills nobody,
// the receiver, or the sender, who stays away until more has come from another.
func (r *run) strike(ctx context.Context, restart, killSender bool) error {
	at := r.before
	if got, err := r.received(ctx); err == nil {
		at = got
	}
	r.cfg.Log("%d bytes of %d: cut, restart of the receiver %v, end of the sender %v", at, r.result.Bytes, restart, killSender)
	id := r.away.ID
	if err := errors.Join(r.cfg.Links.SetFrom(id, cut), r.cfg.Links.SetTo(id, cut)); err != nil {
		return err
	}
	if err := r.until(ctx, "its connections are gone", func() (bool, error) { return r.cutOff(ctx) }); err != nil {
		return err
	}
	var sender *cluster.Node
	switch {
	case killSender:
		var err error
		if sender, err = r.sender(ctx); err != nil {
			return err
		}
		if err := sender.Kill(); err != nil {
			return err
		}
	case restart:
		got, err := r.received(ctx)
		if err != nil {
			return err
		}
		r.before = got
		if err := errors.Join(r.away.Kill(), r.away.Start()); err != nil {
			return err
		}
	}
	if err := r.cfg.Links.SetAll(relay.Conditions{}); err != nil || sender == nil {
		return err
	}
	if err := r.reach(ctx, (at+r.result.Bytes)/2); err != nil {
		return err
	}
	return sender.Start()
}

// cutOff reports whether the receiver has no connection.
func (r *run) cutOff(ctx context.Context) (bool, error) {
	all, err := r.away.Metrics(ctx)
	if err != nil {
		return false, err
	}
	for key, v := range all {
		if strings.HasPrefix(key, metric.LinkUp+"{") && v != 0 {
			return false, nil
		}
	}
	return true, nil
}

// reach waits until so many bytes of snapshots have come.
func (r *run) reach(ctx context.Context, bytes int64) error {
	return r.until(ctx, fmt.Sprintf("%d bytes have come", bytes), func() (bool, error) {
		got, err := r.received(ctx)
		return got >= bytes, err
	})
}

// received is how many bytes of snapshots have come, to all processes of the receiver.
func (r *run) received(ctx context.Context) (int64, error) {
	all, err := r.away.Metrics(ctx)
	return r.before + int64(all[metric.SnapshotReceivedBytesTotal]), err
}

// sender is who leads the first machine that the receiver does not have.
func (r *run) sender(ctx context.Context) (*cluster.Node, error) {
	for _, m := range r.cfg.machines() {
		at, err := valueOf(ctx, r.away, metric.RaftSnapshotIndex, m)
		if err != nil {
			return nil, err
		}
		info, err := r.client.Machine(ctx, m, false)
		if err != nil {
			return nil, fmt.Errorf("bigsnapshot: %w", err)
		}
		if at == 0 && info.Leader != 0 && info.Leader != r.away.ID {
			return r.cfg.Cluster.Nodes[info.Leader-1], nil
		}
	}
	return nil, errors.New("bigsnapshot: the receiver has a snapshot of every machine already")
}

// caughtUp waits until the receiver has applied what is committed now.
func (r *run) caughtUp(ctx context.Context, machine string) error {
	commit, err := r.commitIndex(ctx, machine)
	if err != nil {
		return err
	}
	return r.until(ctx, machine+" has caught up", func() (bool, error) {
		at, err := valueOf(ctx, r.away, metric.MachineAppliedIndex, machine)
		return at >= float64(commit), err
	})
}

// terms adds up those of all machines, where they are led.
func (r *run) terms(ctx context.Context) (sum int, err error) {
	for _, m := range r.cfg.machines() {
		info, err := r.client.Machine(ctx, m, false)
		if err != nil {
			return 0, fmt.Errorf("bigsnapshot: %w", err)
		}
		sum += int(info.Term)
	}
	return sum, nil
}

// until waits for something. A node that does not answer yet is asked again, one that has
// ended by itself is not.
func (r *run) until(ctx context.Context, what string, holds func() (bool, error)) error {
	for {
		ok, err := holds()
		if ok && err == nil {
			return nil
		}
		if !r.away.Running() {
			return fmt.Errorf("bigsnapshot: node %d has ended; never: %s", r.away.ID, what)
		}
		if stop := rest(ctx, pollInterval); stop != nil {
			return fmt.Errorf("bigsnapshot: never: %s: %w", what, errors.Join(stop, err))
		}
	}
}
