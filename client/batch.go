package client

import (
	"context"
	"sync"
)

const (
	// BatchCommandsMax bounds the commands of one batch.
	BatchCommandsMax = 1024
	// batchAtOnce is how many commands of a batch a client has under way.
	batchAtOnce = 128
)

// BatchCommand is one command of a batch.
type BatchCommand struct {
	Data []byte `json:"data"`
	// Key makes the command exactly-once, see Command.Key.
	Key string `json:"key,omitempty"`
}

// BatchResult is what became of one command of a batch.
type BatchResult struct {
	CommandResult
	// Err is nil for an applied command, else as Client.Command and KeyedCommand return it.
	Err error
}

// Batch applies commands that do not depend on each other, many at a time, and returns
// what became of each, in their order. The cluster chooses in which order they take effect;
// those that reach the leader together share an entry of the log. A batch is no
// transaction: each command has its own outcome, and those with a key are repeated.
func (c *Client) Batch(ctx context.Context, machine string, commands []BatchCommand) ([]BatchResult, error) {
	if err := CheckBatch(len(commands)); err != nil {
		return nil, err
	}
	return RunBatch(commands, batchAtOnce, func(b BatchCommand) (CommandResult, error) {
		if b.Key != "" {
			return c.KeyedCommand(ctx, machine, b.Key, b.Data)
		}
		return c.Command(ctx, machine, b.Data)
	}), nil
}

// CheckBatch refuses a batch of no commands, or too many.
func CheckBatch(commands int) error {
	if commands < 1 || commands > BatchCommandsMax {
		return NewProblem(CodeBadRequest, "a batch of %d commands: use 1 to %d", commands, BatchCommandsMax)
	}
	return nil
}

// RunBatch runs each command of a batch, atOnce of them at a time, and returns when all are
// done.
func RunBatch(commands []BatchCommand, atOnce int, run func(BatchCommand) (CommandResult, error)) []BatchResult {
	out := make([]BatchResult, len(commands))
	next := make(chan int)
	var workers sync.WaitGroup
	for range min(atOnce, len(commands)) {
		workers.Go(func() {
			for i := range next {
				out[i].CommandResult, out[i].Err = run(commands[i])
			}
		})
	}
	for i := range commands {
		next <- i
	}
	close(next)
	workers.Wait()
	return out
}
