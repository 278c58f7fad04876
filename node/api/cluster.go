package api

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/wraft/wraft/client"
)

// getCluster tells what the node knows: GET /v1/cluster.
func (s *Server) getCluster(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel, err := plainRequest(r, CommandTimeoutDefault)
	if err != nil {
		return err
	}
	defer cancel()
	info, err := s.backend.ClusterInfo(ctx)
	if err != nil {
		return ReadProblem(r.Context(), err)
	}
	writeJSON(w, http.StatusOK, info)
	return nil
}

// getViews tells what every node knows: GET /v1/cluster/views.
func (s *Server) getViews(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel, err := plainRequest(r, CommandTimeoutDefault)
	if err != nil {
		return err
	}
	defer cancel()
	views, err := s.backend.ClusterViews(ctx)
	if err != nil {
		return ReadProblem(r.Context(), err)
	}
	writeJSON(w, http.StatusOK, views)
	return nil
}

// featureLevel is the body of PUT /v1/cluster/feature-level, and its answer.
type featureLevel struct {
	Level uint32 `json:"level"`
}

// putFeatureLevel raises what all nodes must understand: PUT /v1/cluster/feature-level.
func (s *Server) putFeatureLevel(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel, err := plainRequest(r, CommandTimeoutDefault)
	if err != nil {
		return err
	}
	defer cancel()
	var wanted featureLevel
	if err := readJSON(w, r, "a feature level", &wanted, `{"level":N}.`); err != nil {
		return err
	}
	if err := s.backend.RaiseFeatureLevel(ctx, wanted.Level); err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, wanted)
	return nil
}

// getLive says that the process answers: GET /livez.
func (s *Server) getLive(w http.ResponseWriter, r *http.Request) error {
	if _, err := readParams(r, "verbose"); err != nil {
		return err
	}
	writeText(w, http.StatusOK, "ok\n")
	return nil
}

// getReady says whether the node should get requests: GET /readyz[/{check}]. With
// ?verbose it lists every check as text, whatever the verdict.
func (s *Server) getReady(w http.ResponseWriter, r *http.Request) error {
	query, err := readParams(r, "verbose")
	if err != nil {
		return err
	}
	ctx, cancel, err := deadline(r, CommandTimeoutDefault)
	if err != nil {
		return err
	}
	defer cancel()
	checks := s.backend.Checks(ctx)
	if name := r.PathValue("check"); name != "" {
		i := slices.IndexFunc(checks, func(c client.Check) bool { return c.Name == name })
		if i < 0 {
			return client.NewProblem(client.CodeUnknownCheck, "%.80q is none of the node's checks", name)
		}
		checks = checks[i : i+1]
	}
	failed := failedChecks(checks)
	switch {
	case query.has("verbose") && len(failed) > 0:
		writeText(w, http.StatusServiceUnavailable, listChecks(checks))
	case query.has("verbose"):
		writeText(w, http.StatusOK, listChecks(checks))
	case len(failed) > 0:
		return client.NewProblem(client.CodeNotReady, "%s", strings.Join(failed, "; "))
	default:
		writeText(w, http.StatusOK, "ok\n")
	}
	return nil
}

// failedChecks words each failed check.
func failedChecks(checks []client.Check) []string {
	var failed []string
	for _, c := range checks {
		if !c.OK {
			failed = append(failed, fmt.Sprintf("%s: %s", c.Name, c.Detail))
		}
	}
	return failed
}

// listChecks is one line per check: a mark, the name, what was found.
func listChecks(checks []client.Check) string {
	var b strings.Builder
	for _, c := range checks {
		mark := "ok    "
		if !c.OK {
			mark = "FAILED"
		}
		fmt.Fprintf(&b, "%s %s: %s\n", mark, c.Name, c.Detail)
	}
	return b.String()
}

// getMetrics serves Prometheus: GET /metrics.
func (s *Server) getMetrics(w http.ResponseWriter, r *http.Request) error {
	s.metrics.scrape.ServeHTTP(w, r)
	return nil
}

func writeText(w http.ResponseWriter, status int, text string) {
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text))
}
