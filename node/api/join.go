package api

import (
	"net/http"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/internal/pki"
)

// getAuthorities shows whom this node trusts: GET /v1/cluster/authorities. Anybody may know:
// every handshake shows as much.
func (s *Server) getAuthorities(w http.ResponseWriter, r *http.Request) error {
	if _, err := readParams(r); err != nil {
		return err
	}
	certs, err := s.backend.Authorities()
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "application/pem-certificate-chain")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(certs)
	return nil
}

// postJoin adds the node that asks: POST /v1/cluster/join.
func (s *Server) postJoin(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel, err := plainRequest(r, CommandTimeoutDefault)
	if err != nil {
		return err
	}
	defer cancel()
	// Why here too: where everybody may do everything nobody has looked at the token.
	h, hash, err := s.shownToken(r.Header["Authorization"])
	if err != nil {
		return err
	}
	if err := h.may(join, ""); err != nil {
		return err
	}
	var spec client.JoinSpec
	if err := readJSON(w, r, "a node that joins", &spec, `{"request":"-----BEGIN CERTIFICATE REQUEST-----...","peer":"HOST:PORT","api":"HOST:PORT"}; id and region may be added.`); err != nil {
		return err
	}
	if err := checkAddresses(spec.Peer, spec.API); err != nil {
		return err
	}
	if _, err := pki.RequestDigest([]byte(spec.Request)); err != nil {
		return client.NewProblem(client.CodeBadRequest, "request: %v", err)
	}
	joined, err := s.backend.Join(ctx, hash, spec)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, joined)
	return nil
}
