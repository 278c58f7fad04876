package wan

import (
	"context"
	"fmt"
	"time"

	"github.com/wraft/wraft/client"
)

const (
	// stepLeast is the shortest time for three parts, each long enough to be followed.
	stepLeast = 24 * time.Second
	// sampleEvery is how often the first node is asked, parityTime over how long parity
	// is looked at.
	sampleEvery = 250 * time.Millisecond
	parityTime  = time.Second
	// parityGone is the share of parity below which there is none.
	parityGone = 0.001
)

// Steps says how long after a change of the path parity on the link from the leader to
// the nearest follower had followed.
type Steps struct {
	// Up is from the first loss until, over a second, parity is at least the share that
	// the path loses; Down from the last loss until over a second there was none.
	// Never: it did not within its part.
	Up, Down time.Duration
}

// Never stands for a time that was not reached.
const Never time.Duration = -1

// String is a line for people.
func (s Steps) String() string { return fmt.Sprintf("steps: up=%s down=%s", took(s.Up), took(s.Down)) }

func took(d time.Duration) string {
	if d == Never {
		return "never"
	}
	return fmt.Sprintf("%.2fs", d.Seconds())
}

// step lets the links lose nothing, then what the path says, then nothing.
func (r *run) step(ctx context.Context) (*Steps, error) {
	part := r.cfg.Duration / 3
	if err := rest(ctx, part); err != nil {
		return nil, err
	}
	up, err := r.follow(ctx, r.cfg.Path, part, func(share float64) bool { return share >= r.cfg.Path.Loss })
	if err != nil {
		return nil, err
	}
	down, err := r.follow(ctx, Path{}, part, func(share float64) bool { return share < parityGone })
	if err != nil {
		return nil, err
	}
	return &Steps{Up: up, Down: down}, nil
}

// follow lays a path and watches for its time how parity follows.
func (r *run) follow(ctx context.Context, p Path, part time.Duration, reached func(share float64) bool) (time.Duration, error) {
	if err := r.cfg.lay(r.links, p); err != nil {
		return 0, err
	}
	began, found := time.Now(), Never
	var past []sample
	for time.Since(began) < part {
		m, err := r.cluster.Nodes[0].Metrics(ctx)
		if err != nil {
			return 0, err
		}
		now := sample{at: time.Now(), link: linkOf(m, 1, r.nearest())}
		past = append(past, now)
		for now.at.Sub(past[0].at) > parityTime+sampleEvery {
			past = past[1:]
		}
		if found == Never && now.at.Sub(past[0].at) >= parityTime && reached(now.link.minus(past[0].link).ParityShare()) {
			found = past[0].at.Sub(began)
			if p.Loss > 0 {
				found = now.at.Sub(began) // parity grew within the second, it was not there at its beginning
			}
		}
		if err := rest(ctx, sampleEvery); err != nil {
			return 0, err
		}
	}
	return found, nil
}

// sample is what the first node said of a link at one moment.
type sample struct {
	at   time.Time
	link Link
}

// nearest is the follower that makes the quorum.
func (r *run) nearest() client.NodeID {
	if r.cfg.Down == 2 {
		return 3
	}
	return 2
}
