package client

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/wraft/wraft/client/wire"
)

// Batch applies commands that do not depend on each other, many at a time, and returns
// what became of each, in their order. The cluster chooses in which order they take effect;
// those that reach the leader together share an entry of the log. A batch is no
// transaction: each command has its own outcome, and those with a key are repeated.
func (c *Client) Batch(ctx context.Context, machine string, commands []BatchCommand) ([]BatchResult, error) {
	if err := CheckBatch(len(commands)); err != nil {
		return nil, err
	}
	if err := CheckMachineName(machine); err != nil {
		return nil, err
	}
	ctx, cancel := c.bound(ctx, c.config.Timeout)
	defer cancel()
	results := make([]BatchResult, 0, len(commands))
	var alone []int // to be sent one by one
	for rest := commands; len(rest) > 0; {
		n := together(rest)
		part, answered := c.sendBatch(ctx, machine, rest[:n])
		for i, r := range part {
			if repeatAlone(rest[i], r.Err, answered) {
				alone = append(alone, len(results))
			}
			results = append(results, r)
		}
		rest = rest[n:]
	}
	if ctx.Err() == nil {
		c.sendAlone(ctx, machine, commands, alone, results)
		return results, nil
	}
	for _, at := range alone {
		if errors.Is(results[at].Err, errAlone) {
			results[at].Err = NewProblem(CodeTimeout, "the time was up before the command was sent by itself").WithCause(ctx.Err())
		}
	}
	return results, nil
}

// sendAlone sends some of the commands one by one, each once more if it was sent before.
func (c *Client) sendAlone(ctx context.Context, machine string, commands []BatchCommand, alone []int, results []BatchResult) {
	rest := make([]BatchCommand, len(alone))
	for i, at := range alone {
		rest[i] = commands[at]
	}
	for i, r := range RunBatch(rest, batchAtOnce, func(b BatchCommand) (CommandResult, error) {
		if b.Key != "" {
			return c.KeyedCommand(ctx, machine, b.Key, b.Data)
		}
		return c.Command(ctx, machine, b.Data)
	}) {
		var before, after *Problem
		if errors.As(results[alone[i]].Err, &before) && errors.As(r.Err, &after) {
			r.Err = conclude(after, before.Outcome == Unknown)
		}
		results[alone[i]] = r
	}
}

// together is how many of the commands, from the first one on, are sent together.
func together(commands []BatchCommand) int {
	bytes := 0
	for i, b := range commands {
		if bytes += len(b.Data) + len(b.Key); bytes > batchBytesMax {
			return max(i, 1)
		}
	}
	return len(commands)
}

// errAlone is of commands that were not sent, or not accepted, together; by themselves each
// tells what is wrong with it.
var errAlone = errors.New("client: commands that do not go together")

// repeatAlone reports whether a command of a batch is worth sending by itself, and may be.
// answered says that it is a failure of its own: a batch without keys that failed as a whole was
// repeated for as long as that might help. Why not so with keys: those commands are repeated for
// as long as there is time, and the batch was not, if another of its commands has none.
func repeatAlone(b BatchCommand, err error, answered bool) bool {
	var p *Problem
	switch {
	case errors.Is(err, errAlone):
		return true
	case !errors.As(err, &p):
		return false
	case b.Key != "" && (p.Outcome == Unknown || p.Code == CodeUnreachable || p.Retryable):
		return true
	}
	return answered && p.Outcome == NotApplied && p.Retryable
}

// sendBatch sends commands together. What is not answered as a whole fails for each of them.
func (c *Client) sendBatch(ctx context.Context, machine string, commands []BatchCommand) (results []BatchResult, answered bool) {
	if len(commands) == 1 { // Why: a command by itself is answered with more
		return []BatchResult{{Err: errAlone}}, false
	}
	k := &call{request: &wire.Request{Kind: wire.KindBatch, Machine: machine, Commands: make([]wire.BatchCommand, len(commands))}, machine: machine, repeatable: true}
	for i, b := range commands {
		k.request.Commands[i] = wire.BatchCommand{Data: b.Data, Key: b.Key}
		k.repeatable = k.repeatable && b.Key != ""
	}
	k.patient = k.repeatable
	a, err := c.do(ctx, k)
	if err == nil {
		if results, err = batchResults(a, len(commands)); err == nil {
			return results, true
		}
	}
	results = make([]BatchResult, len(commands))
	for i := range results {
		results[i].Err = ofBatch(err)
	}
	return results, false
}

// ofBatch is a batch's failure as that of one of its commands. Why also a path that is not
// known: nodes of the first release have no batches.
func ofBatch(err error) error {
	var p *Problem
	if !errors.As(err, &p) {
		return err
	}
	switch p.Code {
	case CodeCommandTooLarge, CodeBadRequest, CodeUnknownPath:
		return errAlone
	}
	return err
}

// batchResults reads the answer to a batch of so many commands.
func batchResults(a answer, commands int) ([]BatchResult, error) {
	answers := BatchAnswers{Results: make([]BatchAnswer, len(a.said.Results))}
	for i, r := range a.said.Results {
		answers.Results[i] = BatchAnswer{Data: r.Data, Index: r.Index, Term: r.Term, Replayed: r.Replayed}
		if r.Problem != nil {
			answers.Results[i].Problem = new(Problem)
			if err := json.Unmarshal(r.Problem, answers.Results[i].Problem); err != nil {
				return nil, NewProblem(CodeBadAnswer, "a problem of a batch is none: %.80q", r.Problem)
			}
		}
	}
	if len(a.body) > 0 { // over HTTP
		if err := decode(a, &answers); err != nil {
			return nil, err
		}
	}
	if len(answers.Results) != commands {
		return nil, NewProblem(CodeBadAnswer, "%d results of %d commands", len(answers.Results), commands)
	}
	results := make([]BatchResult, commands)
	for i, r := range answers.Results {
		results[i] = BatchResult{CommandResult: CommandResult{Data: r.Data, Index: r.Index, Term: r.Term, Replayed: r.Replayed, Leader: a.said.Leader}}
		if r.Problem != nil {
			results[i] = BatchResult{Err: r.Problem}
		}
	}
	return results, nil
}

// batchOverHTTP puts a batch into the words of HTTP.
func (k *call) batchOverHTTP() {
	commands := make([]BatchCommand, len(k.request.Commands))
	for i, b := range k.request.Commands {
		commands[i] = BatchCommand{Data: b.Data, Key: b.Key}
	}
	data, err := json.Marshal(map[string]any{"commands": commands})
	if err != nil { // Why: bytes and texts always are JSON
		panic(err)
	}
	k.path += "/batch"
	k.header = http.Header{"Content-Type": {"application/json"}}
	k.body, k.size = bytesBody(data), int64(len(data))
}
