package native

import (
	"context"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/client/wire"
	"github.com/wraft/wraft/node/api"
)

// dataBytes is what a request carries for its machine.
func dataBytes(r *wire.Request) int64 {
	n := len(r.Data)
	for _, c := range r.Commands {
		n += len(c.Data)
	}
	return int64(n)
}

// batch replicates commands that do not depend on each other, and answers what became of each.
func (s *Server) batch(ctx context.Context, who string, r *wire.Request) (*wire.Answer, error) {
	commands := make([]client.BatchCommand, len(r.Commands))
	for i, c := range r.Commands {
		commands[i] = client.BatchCommand{Data: c.Data, Key: c.Key}
	}
	if err := api.CheckBatch(commands, s.config.CommandBytesMax); err != nil {
		return nil, err
	}
	atOnce, leave, err := s.config.Bounds.EnterBatch(who, len(commands))
	if err != nil {
		return nil, err
	}
	defer leave()
	results := client.RunBatch(commands, atOnce, func(b client.BatchCommand) (client.CommandResult, error) {
		return s.backend.Command(ctx, r.Machine, client.Command{Data: b.Data, Key: b.Key, Forward: !r.Direct})
	})
	a := &wire.Answer{Results: make([]wire.BatchResult, len(results))}
	for i, res := range results {
		if res.Err != nil {
			p := api.ProblemOf(ctx, res.Err)
			a.Results[i] = wire.BatchResult{Problem: s.inJSON(r, &p, res.Err)}
			continue
		}
		a.Results[i] = wire.BatchResult{Data: res.Data, Index: res.Index, Term: res.Term, Replayed: res.Replayed}
		if res.Leader != "" {
			a.Leader = res.Leader
		}
	}
	return a, nil
}
