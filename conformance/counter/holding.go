package counter

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/wraft/wraft/client"
)

// Holding is what one node holds of the counter, by its own replica.
type Holding struct {
	// Endpoint is the node that was asked, and asked alone.
	Endpoint string
	// Applied is the index at which Count and Digest, that of the exported state,
	// were taken.
	Applied uint64
	Count   uint64
	Digest  client.Digest
}

// pollInterval is the pause between two looks at the nodes.
const pollInterval = 50 * time.Millisecond

// Compare asks each endpoint for its own replica of the machine until all have
// applied equally far, and returns what each holds. The error names those that
// then differ; ctx bounds the wait.
func Compare(ctx context.Context, endpoints []string, conf *tls.Config, machine string) ([]Holding, error) {
	for {
		held, err := holdings(ctx, endpoints, conf, machine)
		if err == nil && level(held) {
			return held, agree(held)
		}
		select {
		case <-time.After(pollInterval):
		case <-ctx.Done():
			return held, fmt.Errorf("counter: the nodes don't come level: %+v: %w", held, errors.Join(ctx.Err(), err))
		}
	}
}

func holdings(ctx context.Context, endpoints []string, conf *tls.Config, machine string) ([]Holding, error) {
	var out []Holding
	for _, endpoint := range endpoints {
		h, err := ask(ctx, endpoint, conf, machine)
		if err != nil {
			return out, fmt.Errorf("%s: %w", endpoint, err)
		}
		out = append(out, h)
	}
	return out, nil
}

// ask takes count and digest with two requests. It fails when the node applied
// something between them.
func ask(ctx context.Context, endpoint string, conf *tls.Config, machine string) (Holding, error) {
	c, err := client.New(client.Config{Endpoints: []string{endpoint}, TLS: conf})
	if err != nil {
		return Holding{}, err
	}
	defer c.Close()
	info, err := c.Machine(ctx, machine, true)
	if err != nil {
		return Holding{}, err
	}
	read, err := c.Query(ctx, machine, client.Query{Data: []byte("get"), Consistency: client.Stale})
	if err != nil {
		return Holding{}, err
	}
	var count struct{ Value uint64 }
	if err := json.Unmarshal(read.Data, &count); err != nil {
		return Holding{}, fmt.Errorf("answer %q: %w", read.Data, err)
	}
	if read.AppliedIndex != info.ExportIndex {
		return Holding{}, fmt.Errorf("applied went from index %d to %d meanwhile", info.ExportIndex, read.AppliedIndex)
	}
	return Holding{Endpoint: endpoint, Applied: info.ExportIndex, Count: count.Value, Digest: info.ExportDigest}, nil
}

// level reports whether all nodes have applied the same index.
func level(held []Holding) bool {
	for _, h := range held {
		if h.Applied != held[0].Applied {
			return false
		}
	}
	return true
}

// agree joins the differences between nodes that have applied equally far.
func agree(held []Holding) error {
	var problems []error
	for _, h := range held {
		if h.Count != held[0].Count {
			problems = append(problems, fmt.Errorf("counter: %s counts %d, %s %d", h.Endpoint, h.Count, held[0].Endpoint, held[0].Count))
		}
		if h.Digest != held[0].Digest || h.Digest == "" {
			problems = append(problems, fmt.Errorf("counter: %s exports %q, %s %q", h.Endpoint, h.Digest, held[0].Endpoint, held[0].Digest))
		}
	}
	return errors.Join(problems...)
}
