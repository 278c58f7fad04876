package client

import "sync"

const (
	// BatchCommandsMax bounds the commands of one batch.
	BatchCommandsMax = 1024
	// batchAtOnce is how many commands of a batch a client has under way where it sends them
	// one by one.
	batchAtOnce = 128
	// batchBytesMax is what a client sends at once: commands of so many bytes, with their keys,
	// fit into a body of JSON.
	batchBytesMax = 4 << 20
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

// BatchAnswers is the body of an answer to a batch over HTTP.
type BatchAnswers struct {
	Results []BatchAnswer `json:"results"`
}

// BatchAnswer is what became of one command: the answer, or a problem.
type BatchAnswer struct {
	Data     []byte   `json:"data"`
	Index    uint64   `json:"index,omitempty"`
	Term     uint64   `json:"term,omitempty"`
	Replayed bool     `json:"replayed,omitempty"`
	Problem  *Problem `json:"problem,omitempty"`
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
