package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"

	"github.com/wraft/wraft/client"
)

// deployBytesMax bounds the JSON of a deploy, which holds a digest and few numbers.
const deployBytesMax = 64 << 10

// machineList is the body of GET /v1/machines.
type machineList struct {
	Machines []client.MachineInfo `json:"machines"`
}

// getMachines lists: GET /v1/machines, or ?deleted=true what was deleted.
func (s *Server) getMachines(w http.ResponseWriter, r *http.Request) error {
	query, err := readParams(r, "deleted")
	if err != nil {
		return err
	}
	if deleted, err := query.flag("deleted", false); err != nil || deleted {
		if err == nil {
			err = s.getDeleted(w, r)
		}
		return err
	}
	ctx, cancel, err := deadline(r, CommandTimeoutDefault)
	if err != nil {
		return err
	}
	defer cancel()
	machines, err := s.backend.Machines(ctx)
	if err != nil {
		return ReadProblem(r.Context(), err)
	}
	if machines == nil {
		machines = []client.MachineInfo{} // so that JSON says [] and not null
	}
	writeJSON(w, http.StatusOK, machineList{machines})
	return nil
}

// getMachine shows one: GET /v1/machines/{machine}?export=true.
func (s *Server) getMachine(w http.ResponseWriter, r *http.Request) error {
	machine, err := machineName(r)
	if err != nil {
		return err
	}
	query, err := readParams(r, "export")
	if err != nil {
		return err
	}
	export, err := query.flag("export", false)
	if err != nil {
		return err
	}
	ctx, cancel, err := deadline(r, deployTimeoutDefault)
	if err != nil {
		return err
	}
	defer cancel()
	info, err := s.backend.Machine(ctx, machine, export)
	if err != nil {
		return ReadProblem(r.Context(), err)
	}
	writeJSON(w, http.StatusOK, info)
	return nil
}

// putMachine deploys: PUT /v1/machines/{machine}.
func (s *Server) putMachine(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel, machine, err := machineRequest(r, deployTimeoutDefault)
	if err != nil {
		return err
	}
	defer cancel()
	spec, err := s.readDeploySpec(w, r)
	if err != nil {
		return err
	}
	info, created, err := s.backend.Deploy(ctx, machine, spec)
	if err != nil {
		return err
	}
	writeJSON(w, createdStatus(created), info)
	return nil
}

func (s *Server) readDeploySpec(w http.ResponseWriter, r *http.Request) (client.DeploySpec, error) {
	var spec client.DeploySpec
	err := readJSON(w, r, "a deploy", &spec, `{"module":"sha256:...","limits":{"memory_bytes":N,"fuel_command":N},"upgrade":false}; all but module may be left out.`)
	if err != nil {
		return spec, err
	}
	if _, err := client.ParseDigest(string(spec.Module)); err != nil {
		return spec, client.NewProblem(client.CodeBadRequest, "module: %v", err)
	}
	if !spec.Snapshot.Valid() {
		return spec, client.NewProblem(client.CodeBadRequest, "snapshot: %.40q is neither image nor export", spec.Snapshot)
	}
	spec.By = s.callerName(r)
	return spec, nil
}

// readJSON reads a small body strictly: what it is, and for the hint what it looks
// like.
func readJSON(w http.ResponseWriter, r *http.Request, what string, into any, form string) error {
	return readLongJSON(w, r, what, into, form, deployBytesMax)
}

// readLongJSON is readJSON of at most so many bytes.
func readLongJSON(w http.ResponseWriter, r *http.Request, what string, into any, form string, most int64) error {
	if text := r.Header.Get("Content-Type"); text != "" {
		if kind, _, err := mime.ParseMediaType(text); err != nil || kind != "application/json" {
			return client.NewProblem(client.CodeMediaType, "Content-Type %.80q: send application/json", text)
		}
	}
	data, err := body(w, r, "body of this request", most)
	if err != nil {
		return err
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return client.NewProblem(client.CodeBadRequest, "the body is not the JSON of %s: %v", what, err).WithHint("Send %s", form)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return client.NewProblem(client.CodeBadRequest, "the body goes on after the JSON of %s", what)
	}
	return nil
}

// putModule uploads: PUT /v1/modules/{digest}.
func (s *Server) putModule(w http.ResponseWriter, r *http.Request) error {
	digest, err := client.ParseDigest(r.PathValue("digest"))
	if err != nil {
		return client.NewProblem(client.CodeBadRequest, "%v", err)
	}
	query, err := readParams(r, "of")
	if err != nil {
		return err
	}
	if err := plainEncoding(r); err != nil {
		return err
	}
	if query.has("of") {
		return s.putArtefact(w, r, digest, query.values.Get("of"))
	}
	if r.ContentLength > s.config.ModuleBytesMax {
		return moduleTooLarge(s.config.ModuleBytesMax)
	}
	ctx, cancel, err := deadline(r, uploadTimeoutDefault)
	if err != nil {
		return err
	}
	defer cancel()
	limited := moduleReader{http.MaxBytesReader(w, r.Body, s.config.ModuleBytesMax), s.config.ModuleBytesMax}
	info, created, err := s.backend.PutModule(ctx, digest, limited, r.ContentLength)
	if err != nil {
		return err
	}
	writeJSON(w, createdStatus(created), info)
	return nil
}

// moduleReader turns the end of the allowance into the problem the client sees,
// so that a backend need only pass on what it read.
type moduleReader struct {
	body  io.Reader
	limit int64
}

// Read reads the body; past the limit it fails with CodeModuleTooLarge.
func (m moduleReader) Read(p []byte) (int, error) {
	n, err := m.body.Read(p)
	var over *http.MaxBytesError
	switch {
	case errors.As(err, &over):
		return n, moduleTooLarge(m.limit)
	case err != nil && !errors.Is(err, io.EOF):
		return n, client.NewProblem(client.CodeBadRequest, "the upload ended early: %v", err)
	}
	return n, err
}

func moduleTooLarge(limit int64) error {
	return client.NewProblem(client.CodeModuleTooLarge, "the module is larger than the limit of %d bytes", limit)
}

func createdStatus(created bool) int {
	if created {
		return http.StatusCreated
	}
	return http.StatusOK
}
