package counter

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/conformance/replicas"
)

// Holding is what one node holds of the counter, by its own replica.
type Holding struct {
	replicas.Replica
	// Count is that of the same index.
	Count uint64
}

// pollInterval is the pause between two looks at the nodes.
const pollInterval = 50 * time.Millisecond

// errNotYet: a node applied something between two requests, or does not answer just now.
var errNotYet = errors.New("counter: not all nodes can be compared yet")

// Compare asks each endpoint for its own replica of the machine until all have
// applied equally far, and returns what each holds. The error names those that
// then differ; ctx bounds the wait.
func Compare(ctx context.Context, endpoints []string, conf *tls.Config, machine string) ([]Holding, error) {
	for {
		held, err := compareOnce(ctx, endpoints, conf, machine)
		if !errors.Is(err, errNotYet) {
			return held, errors.Join(err, agree(held))
		}
		select {
		case <-time.After(pollInterval):
		case <-ctx.Done():
			return held, errors.Join(err, ctx.Err())
		}
	}
}

func compareOnce(ctx context.Context, endpoints []string, conf *tls.Config, machine string) (out []Holding, err error) {
	held, err := replicas.Compare(ctx, endpoints, conf, machine)
	if err != nil {
		return nil, err
	}
	for _, r := range held {
		count, applied, err := read(ctx, r.Endpoint, conf, machine)
		if err != nil {
			return out, fmt.Errorf("%w: %s: %w", errNotYet, r.Endpoint, err)
		}
		if applied != r.Applied {
			return out, fmt.Errorf("%w: %s went from index %d to %d", errNotYet, r.Endpoint, r.Applied, applied)
		}
		out = append(out, Holding{Replica: r, Count: count})
	}
	return out, nil
}

// read asks one node for its own count, and for the index up to which that goes.
func read(ctx context.Context, endpoint string, conf *tls.Config, machine string) (count, applied uint64, err error) {
	c, err := client.New(client.Config{Endpoints: []string{endpoint}, TLS: conf})
	if err != nil {
		return 0, 0, err
	}
	defer c.Close()
	r, err := c.Query(ctx, machine, client.Query{Data: []byte("get"), Consistency: client.Stale})
	if err != nil {
		return 0, 0, err
	}
	var answer struct{ Value uint64 }
	if err := json.Unmarshal(r.Data, &answer); err != nil {
		return 0, 0, fmt.Errorf("answer %q: %w", r.Data, err)
	}
	return answer.Value, r.AppliedIndex, nil
}

// agree joins the differences between counts of the same index.
func agree(held []Holding) error {
	var problems []error
	for _, h := range held {
		if h.Count != held[0].Count {
			problems = append(problems, fmt.Errorf("counter: %s counts %d, %s %d", h.Endpoint, h.Count, held[0].Endpoint, held[0].Count))
		}
	}
	return errors.Join(problems...)
}
