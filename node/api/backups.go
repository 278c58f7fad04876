package api

import (
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
	"time"

	"github.com/wraft/wraft/client"
)

const (
	// statePatience is how long a client may take to read, or to send, the next piece of a
	// state: a backup holds memory, or a processor, for as long as it is read.
	statePatience = 30 * time.Second
	// stateTimeoutMax bounds how long a state may take in all.
	stateTimeoutMax = 24 * time.Hour
	// statePieceBytes is what is written at a time.
	statePieceBytes = 64 << 10
)

// getBackup writes a machine's state down: GET /v1/machines/{machine}/backup?form=export.
func (s *Server) getBackup(w http.ResponseWriter, r *http.Request) error {
	machine, err := machineName(r)
	if err != nil {
		return err
	}
	query, err := readParams(r, "form")
	if err != nil {
		return err
	}
	form := client.SnapshotMode(query.values.Get("form"))
	if form == "" || !form.Valid() {
		return client.NewProblem(client.CodeBadRequest, "form=%.40q: use export or image", form)
	}
	ctx, cancel, err := deadline(r, timeoutMax)
	if err != nil {
		return err
	}
	defer cancel()
	info, state, err := s.backend.Backup(ctx, machine, form)
	if err != nil {
		return ReadProblem(r.Context(), err)
	}
	defer state.Close()
	return s.writeState(w, r, info, state)
}

// writeState sends frames. What goes wrong behind the first of them travels in the last.
func (s *Server) writeState(w http.ResponseWriter, r *http.Request, info client.BackupInfo, state StateWriter) error {
	if r.Method == http.MethodHead {
		return nil
	}
	w.Header().Set("Content-Type", client.FramesMediaType)
	out := pieces{w: w, control: http.NewResponseController(w)}
	frames, err := client.NewFrameWriter(&out, info)
	if err != nil {
		return nil // Why: the client is gone
	}
	_, err = state.WriteTo(frames)
	var problem *client.Problem
	switch {
	case out.err != nil:
		return nil
	case err == nil:
		err = frames.Close()
	case errors.As(err, &problem):
		err = frames.Fail(problem)
	default:
		err = frames.Fail(client.NewProblem(client.CodeInternal, "%v", err))
	}
	if err == nil {
		out.flush()
	}
	return nil
}

// pieces gathers small writes, and gives each large one some time of its own.
type pieces struct {
	w       io.Writer
	control *http.ResponseController
	room    []byte
	err     error
}

// Write implements io.Writer.
func (p *pieces) Write(b []byte) (int, error) {
	p.room = append(p.room, b...)
	if len(p.room) >= statePieceBytes {
		p.flush()
	}
	return len(b), p.err
}

func (p *pieces) flush() {
	if p.err != nil {
		return
	}
	p.err = p.control.SetWriteDeadline(time.Now().Add(statePatience))
	if errors.Is(p.err, http.ErrNotSupported) {
		p.err = nil
	}
	if p.err == nil {
		_, p.err = p.w.Write(p.room)
	}
	p.room = p.room[:0]
}

// putBackup creates a machine with a state: PUT /v1/machines/{machine}/backup.
func (s *Server) putBackup(w http.ResponseWriter, r *http.Request) error {
	machine, err := machineName(r)
	if err != nil {
		return err
	}
	if _, err := readParams(r); err != nil {
		return err
	}
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != client.FramesMediaType {
		return client.NewProblem(client.CodeMediaType, "Content-Type %.80q: send %s", r.Header.Get("Content-Type"), client.FramesMediaType)
	}
	body := patientBody{r.Body, http.NewResponseController(w)}
	var info client.BackupInfo
	content, err := client.NewFrameReader(body, &info)
	if err != nil {
		return err
	}
	if !info.Form.Valid() || info.Form == "" {
		return client.NewProblem(client.CodeBadRequest, "form: %.40q is neither image nor export", info.Form)
	}
	ctx, cancel := context.WithTimeout(r.Context(), stateTimeoutMax)
	defer cancel()
	out, err := s.backend.Restore(ctx, machine, info, content)
	if err != nil {
		return err
	}
	_ = body.control.SetWriteDeadline(time.Now().Add(statePatience)) // Why: what there was has run out long ago
	writeJSON(w, http.StatusCreated, out)
	return nil
}

// patientBody gives each read of a body some time of its own.
type patientBody struct {
	body    io.Reader
	control *http.ResponseController
}

// Read implements io.Reader.
func (p patientBody) Read(b []byte) (int, error) {
	deadline := time.Now().Add(statePatience)
	if err := p.control.SetReadDeadline(deadline); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return 0, err
	}
	if err := p.control.SetWriteDeadline(deadline.Add(timeoutMax)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return 0, err // Why the write's, too: an answer to what took long must still get out
	}
	return p.body.Read(b)
}

// getModule reads a module or an artefact: GET /v1/modules/{digest}.
func (s *Server) getModule(w http.ResponseWriter, r *http.Request) error {
	digest, err := client.ParseDigest(r.PathValue("digest"))
	if err != nil {
		return client.NewProblem(client.CodeBadRequest, "%v", err)
	}
	if _, err := readParams(r); err != nil {
		return err
	}
	ctx, cancel, err := deadline(r, uploadTimeoutDefault)
	if err != nil {
		return err
	}
	defer cancel()
	data, err := s.backend.Module(ctx, digest)
	if err != nil {
		return ReadProblem(r.Context(), err)
	}
	w.Header().Set("Content-Type", "application/wasm")
	w.Header().Set("Content-Length", strconv.Itoa(len(data)))
	if r.Method != http.MethodHead {
		_, _ = w.Write(data) // Why: a client that is gone needs no answer
	}
	return nil
}

// putArtefact uploads what was made of a module: PUT /v1/modules/{digest}?of={digest}.
func (s *Server) putArtefact(w http.ResponseWriter, r *http.Request, digest client.Digest, of string) error {
	module, err := client.ParseDigest(of)
	if err != nil {
		return client.NewProblem(client.CodeBadRequest, "of: %v", err)
	}
	ctx, cancel, err := deadline(r, uploadTimeoutDefault)
	if err != nil {
		return err
	}
	defer cancel()
	limit := artefactShare * s.config.ModuleBytesMax
	info, err := s.backend.PutArtefact(ctx, digest, module, moduleReader{http.MaxBytesReader(w, r.Body, limit), limit})
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusCreated, info)
	return nil
}

// artefactShare is how much larger than modules artefacts may be: code that is counted
// and bounded takes up several times its room.
const artefactShare = 8
