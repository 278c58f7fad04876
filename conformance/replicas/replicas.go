package replicas

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"time"

	"github.com/wraft/wraft/client"
)

// Replica is what one node holds of a machine.
type Replica struct {
	// Endpoint is the node that was asked, and asked alone.
	Endpoint string
	// Applied is the index at which Digest, that of the exported state, was taken.
	Applied uint64
	Digest  client.Digest
}

// pollInterval is the pause between two looks at the nodes.
const pollInterval = 50 * time.Millisecond

// Compare asks each endpoint for its own replica of a machine until all have
// applied equally far, and returns what each holds. The error names those that
// then differ; ctx bounds the wait.
func Compare(ctx context.Context, endpoints []string, conf *tls.Config, machine string) ([]Replica, error) {
	for {
		held, err := ask(ctx, endpoints, conf, machine)
		if err == nil && level(held) {
			return held, agree(held)
		}
		select {
		case <-time.After(pollInterval):
		case <-ctx.Done():
			return held, fmt.Errorf("replicas: the nodes don't come level: %+v: %w", held, errors.Join(ctx.Err(), err))
		}
	}
}

func ask(ctx context.Context, endpoints []string, conf *tls.Config, machine string) ([]Replica, error) {
	var out []Replica
	for _, endpoint := range endpoints {
		r, err := askOne(ctx, endpoint, conf, machine)
		if err != nil {
			return out, fmt.Errorf("replicas: %s: %w", endpoint, err)
		}
		out = append(out, r)
	}
	return out, nil
}

func askOne(ctx context.Context, endpoint string, conf *tls.Config, machine string) (Replica, error) {
	c, err := client.New(client.Config{Endpoints: []string{endpoint}, TLS: conf})
	if err != nil {
		return Replica{}, err
	}
	defer c.Close()
	info, err := c.Machine(ctx, machine, true)
	return Replica{Endpoint: endpoint, Applied: info.ExportIndex, Digest: info.ExportDigest}, err
}

// level reports whether all nodes have applied the same index.
func level(held []Replica) bool {
	for _, r := range held {
		if r.Applied != held[0].Applied {
			return false
		}
	}
	return true
}

// agree joins the differences between nodes that have applied equally far.
func agree(held []Replica) error {
	var problems []error
	for _, r := range held {
		if r.Digest != held[0].Digest || r.Digest == "" {
			problems = append(problems, fmt.Errorf("replicas: %s exports %q, %s %q", r.Endpoint, r.Digest, held[0].Endpoint, held[0].Digest))
		}
	}
	return errors.Join(problems...)
}
