package main

import (
	"context"
	"errors"
	"fmt"
	"text/tabwriter"

	"github.com/wraft/wraft/conformance/counter"
)

// compare waits until all nodes have applied equally far, prints what each holds,
// and fails unless it is the same everywhere and what the report says.
func (s *show) compare(ctx context.Context, report counter.Report) error {
	if err := s.nodes.WaitReady(ctx); err != nil {
		return err
	}
	held, err := counter.Compare(ctx, s.nodes.Endpoints(), s.nodes.TLS(), "counter")
	w := tabwriter.NewWriter(s.out, 0, 0, 3, ' ', 0)
	fmt.Fprintln(w, "node\tapplied index\tcount\tdigest of the exported state")
	for i, h := range held {
		fmt.Fprintf(w, "%v\t%d\t%d\t%s\n", s.nodes.Nodes[i].ID, h.Applied, h.Count, h.Digest)
	}
	w.Flush()
	if err != nil {
		return err
	}
	var short error
	if held[0].Count != uint64(s.increments) {
		short = fmt.Errorf("the count is %d, not %d", held[0].Count, s.increments)
	}
	return errors.Join(short, report.Check(held[0].Count))
}
