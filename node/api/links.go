package api

import (
	"net/http"

	"github.com/wraft/wraft/client"
)

// postLink measures the link to a node: POST /v1/cluster/links/{node}.
func (s *Server) postLink(w http.ResponseWriter, r *http.Request) error {
	id, err := nodeOf(r)
	if err != nil {
		return err
	}
	var spec client.LinkSpec
	if r.ContentLength != 0 {
		if err := readJSON(w, r, "a measurement", &spec, `{"samples":500,"interval_us":10000,"bytes":8388608}; all may be left out.`); err != nil {
			return err
		}
	}
	ctx, cancel, err := plainRequest(r, min(spec.Takes(), timeoutMax))
	if err != nil {
		return err
	}
	defer cancel()
	m, err := s.backend.MeasureLink(ctx, id, spec)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, m)
	return nil
}
