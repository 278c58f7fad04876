package api

import (
	"net/http"
	"strconv"

	"github.com/wraft/wraft/client"
)

// postCommand replicates one command: POST /v1/machines/{machine}/commands.
func (s *Server) postCommand(w http.ResponseWriter, r *http.Request) error {
	machine, err := machineName(r)
	if err != nil {
		return err
	}
	query, err := readParams(r, "forward")
	if err != nil {
		return err
	}
	var command client.Command
	if command.Forward, err = query.flag("forward", true); err != nil {
		return err
	}
	if err := readSession(r, &command); err != nil {
		return err
	}
	ctx, cancel, err := deadline(r, CommandTimeoutDefault)
	if err != nil {
		return err
	}
	defer cancel()
	if command.Data, err = body(w, r, "command", s.config.CommandBytesMax); err != nil {
		return err
	}
	result, err := s.backend.Command(ctx, machine, command)
	if err != nil {
		return err
	}
	writeCommandResult(w, result)
	return nil
}

func writeCommandResult(w http.ResponseWriter, result client.CommandResult) {
	h := w.Header()
	h.Set(client.HeaderIndex, strconv.FormatUint(result.Index, 10))
	h.Set(client.HeaderTerm, strconv.FormatUint(result.Term, 10))
	if result.Leader != "" {
		h.Set(client.HeaderLeader, result.Leader)
	}
	if result.Replayed {
		h.Set(client.HeaderReplayed, "true")
	}
	writeBytes(w, result.Data)
}

// writeBytes answers with what a machine said.
func writeBytes(w http.ResponseWriter, data []byte) {
	h := w.Header()
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Content-Length", strconv.Itoa(len(data)))
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(data)
}

// readSession reads the headers that make a command exactly-once: a session's, of which
// none or the first two are there, or a key.
func readSession(r *http.Request, c *client.Command) error {
	session, err := headerNumber(r, client.HeaderSession)
	if err != nil {
		return err
	}
	c.Session = client.SessionID(session)
	if c.Sequence, err = headerNumber(r, client.HeaderSequence); err != nil {
		return err
	}
	if c.AcknowledgedBelow, err = headerNumber(r, client.HeaderAcknowledgedBelow); err != nil {
		return err
	}
	if keys := r.Header.Values(client.HeaderIdempotencyKey); len(keys) == 1 {
		c.Key = keys[0]
		if err := client.CheckKey(c.Key); err != nil {
			return err
		}
	} else if len(keys) > 1 {
		return client.NewProblem(client.CodeBadRequest, "%s is given %d times", client.HeaderIdempotencyKey, len(keys))
	}
	return CheckSession(*c)
}

// CheckSession refuses a command whose session and sequences contradict each other.
func CheckSession(c client.Command) error {
	switch {
	case (c.Session == 0) != (c.Sequence == 0):
		return client.NewProblem(client.CodeBadRequest, "%s and %s come together or not at all", client.HeaderSession, client.HeaderSequence)
	case c.Key != "" && c.Session != 0:
		return client.NewProblem(client.CodeBadRequest, "%s and %s are two ways to the same: use one of them", client.HeaderSession, client.HeaderIdempotencyKey)
	case c.AcknowledgedBelow > c.Sequence:
		return client.NewProblem(client.CodeBadRequest, "%s is above %s: a command that is sent is still waited for",
			client.HeaderAcknowledgedBelow, client.HeaderSequence)
	}
	return nil
}

// headerNumber is a header's positive decimal number, 0 when it is absent.
func headerNumber(r *http.Request, name string) (uint64, error) {
	text := r.Header.Get(name)
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil || n == 0 {
		return 0, client.NewProblem(client.CodeBadRequest, "%s: %.40q is not a decimal number above 0", name, text)
	}
	return n, nil
}

// sessionAnswer is the body of a registered session.
type sessionAnswer struct {
	Session client.SessionID `json:"session"`
}

// postSession registers a session: POST /v1/machines/{machine}/sessions.
func (s *Server) postSession(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel, machine, err := machineRequest(r, CommandTimeoutDefault)
	if err != nil {
		return err
	}
	defer cancel()
	if _, err := body(w, r, "body of this request", 0); err != nil {
		return err
	}
	id, err := s.backend.OpenSession(ctx, machine)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusCreated, sessionAnswer{id})
	return nil
}
