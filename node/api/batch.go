package api

import (
	"net/http"

	"github.com/wraft/wraft/client"
)

const (
	// batchBytesMax bounds the body of a batch.
	batchBytesMax = 8 << 20
	// batchAtOnce bounds how many commands of a batch are under way together, each of which
	// takes a place of its own among those of inflightMax.
	batchAtOnce = 256
)

// batchForm is what a batch has to look like.
const batchForm = `{"commands":[{"data":"aW5jcg==","key":"order-17"}]}, data in base64, key if it is to be an idempotency key`

// postBatch replicates commands that do not depend on each other: POST
// /v1/machines/{machine}/batch. It answers 200 with what became of each.
func (s *Server) postBatch(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel, machine, err := machineRequest(r, CommandTimeoutDefault)
	if err != nil {
		return err
	}
	defer cancel()
	commands, err := s.readBatch(w, r)
	if err != nil {
		return err
	}
	atOnce, leave, err := s.inflight.enterBatch(sender(r), len(commands))
	if err != nil {
		return err
	}
	defer leave()
	results := client.RunBatch(commands, atOnce, func(b client.BatchCommand) (client.CommandResult, error) {
		return s.backend.Command(ctx, machine, client.Command{Data: b.Data, Key: b.Key, Forward: true})
	})
	answers := make([]client.BatchAnswer, len(results))
	for i, res := range results {
		answers[i] = client.BatchAnswer{Data: res.Data, Index: res.Index, Term: res.Term, Replayed: res.Replayed}
		if res.Err != nil {
			p := ProblemOf(ctx, res.Err)
			answers[i] = client.BatchAnswer{Problem: &p}
		}
		if res.Leader != "" {
			w.Header().Set(client.HeaderLeader, res.Leader)
		}
	}
	writeJSON(w, http.StatusOK, client.BatchAnswers{Results: answers})
	return nil
}

func (s *Server) readBatch(w http.ResponseWriter, r *http.Request) ([]client.BatchCommand, error) {
	for _, name := range []string{client.HeaderSession, client.HeaderSequence, client.HeaderAcknowledgedBelow, client.HeaderIdempotencyKey} {
		if _, given := r.Header[http.CanonicalHeaderKey(name)]; given {
			return nil, client.NewProblem(client.CodeBadRequest, "%s is of one command: give the commands of a batch keys of their own", name)
		}
	}
	var batch struct {
		Commands []client.BatchCommand `json:"commands"`
	}
	if err := readLongJSON(w, r, "a batch", &batch, batchForm, batchBytesMax); err != nil {
		return nil, err
	}
	return batch.Commands, CheckBatch(batch.Commands, s.config.CommandBytesMax)
}

// CheckBatch refuses a batch of no commands, or too many, or one whose command is too long or
// has a key that is none.
func CheckBatch(commands []client.BatchCommand, commandBytesMax int64) error {
	if err := client.CheckBatch(len(commands)); err != nil {
		return err
	}
	for _, c := range commands {
		if err := CheckSize("command", int64(len(c.Data)), commandBytesMax); err != nil {
			return err
		}
		if c.Key == "" {
			continue
		}
		if err := client.CheckKey(c.Key); err != nil {
			return err
		}
	}
	return nil
}
