package client

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"
)

const (
	// nearestAfter is how long the order of the endpoints holds before it is measured again.
	nearestAfter = 5 * time.Minute
	// nearestTimeout bounds the measurement of one endpoint.
	nearestTimeout = 5 * time.Second
	// nearestTrips are made over a connection that stands; the shortest counts.
	nearestTrips = 3
)

// nearest orders the endpoints by their round trips, for calls that any node answers as well
// as any other. It measures on goroutines of its own, so that no call waits for it; before the
// first result there is no order.
type nearest struct {
	given   []string
	measure func(ctx context.Context, host string) (time.Duration, error)
	ctx     context.Context // of measurements
	stop    context.CancelFunc
	wg      sync.WaitGroup // measurements

	// mu guards the fields below.
	mu    sync.Mutex
	order []string  // the nearest first, at last those that did not answer; nil: not known yet
	due   time.Time // when it is measured again
	busy  bool
}

func newNearest(given []string, measure func(context.Context, string) (time.Duration, error)) *nearest {
	ctx, stop := context.WithCancel(context.Background())
	return &nearest{given: given, measure: measure, ctx: ctx, stop: stop}
}

// endpoints is the order as of now, nil while it is not known. It begins a measurement when
// one is due.
func (n *nearest) endpoints() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.given) > 1 && !n.busy && !time.Now().Before(n.due) && n.ctx.Err() == nil {
		n.busy = true
		n.wg.Go(n.look)
	}
	return n.order
}

// look measures all endpoints at once.
func (n *nearest) look() {
	type trip struct {
		host   string
		failed int // 1: it did not answer
		took   time.Duration
	}
	trips := make([]trip, len(n.given))
	var wg sync.WaitGroup
	for i, host := range n.given {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(n.ctx, nearestTimeout)
			defer cancel()
			took, err := n.measure(ctx, host)
			trips[i] = trip{host: host, took: took}
			if err != nil {
				trips[i] = trip{host: host, failed: 1}
			}
		})
	}
	wg.Wait()
	slices.SortStableFunc(trips, func(a, b trip) int { return cmp.Or(a.failed-b.failed, cmp.Compare(a.took, b.took)) })
	order := make([]string, len(trips))
	for i, t := range trips {
		order[i] = t.host
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.order, n.busy, n.due = order, false, time.Now().Add(nearestAfter)
}

// close ends measurements and waits for them.
func (n *nearest) close() {
	n.mu.Lock()
	n.stop() // Why under the lock: no measurement begins behind it
	n.mu.Unlock()
	n.wg.Wait()
}

// roundTrip measures the way to a node: of QUIC where only the native protocol is
// spoken, otherwise of requests that cost the node nothing.
func (c *Client) roundTrip(ctx context.Context, host string) (time.Duration, error) {
	if c.config.Protocol == ProtocolNative {
		conn, err := c.natives.reach(ctx, host)
		if err != nil {
			return 0, err
		}
		return conn.quic.ConnectionStats().MinRTT, nil
	}
	if _, err := c.livez(ctx, host); err != nil { // Why: it makes the connection
		return 0, err
	}
	least := time.Duration(1<<63 - 1)
	for range nearestTrips {
		took, err := c.livez(ctx, host)
		if err != nil {
			return 0, err
		}
		least = min(least, took)
	}
	return least, nil
}

// livez asks a node whether it lives, and says how long the answer took.
func (c *Client) livez(ctx context.Context, host string) (time.Duration, error) {
	at := url.URL{Scheme: "https", Host: host, Path: "/livez"}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at.String(), http.NoBody)
	if err != nil {
		return 0, err
	}
	began := time.Now()
	res, err := c.transport.RoundTrip(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	if _, err := io.Copy(io.Discard, io.LimitReader(res.Body, problemBytesMax)); err != nil {
		return 0, err
	}
	if res.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("client: %s answers %s to /livez", host, res.Status)
	}
	return time.Since(began), nil
}
