package api

import (
	"net/http"
	"runtime"
	"runtime/pprof"
	"time"

	"github.com/wraft/wraft/client"
)

const (
	profileSecondsDefault = 30
	profileSecondsMax     = 120
	// cpuProfile is the one profile that takes time.
	cpuProfile = "profile"
)

// getProfile serves the profiles of Go's runtime, as net/http/pprof would:
// GET /debug/pprof/{profile}. Why not that package: it registers itself for everybody who
// serves net/http's default handler, and words its failures in its own way.
func (s *Server) getProfile(w http.ResponseWriter, r *http.Request) error {
	query, err := readParams(r, "debug", "gc", "seconds")
	if err != nil {
		return err
	}
	seconds, err := query.uint("seconds")
	if err != nil {
		return err
	}
	debug, err := query.uint("debug")
	if err != nil {
		return err
	}
	name := r.PathValue("profile")
	if name == cpuProfile {
		return cpu(w, r, seconds)
	}
	found := pprof.Lookup(name)
	if found == nil {
		return client.NewProblem(client.CodeUnknownPath, "%.80q is no profile of Go's runtime: use profile, goroutine, heap, allocs, block, mutex or threadcreate", name)
	}
	if name == "heap" && query.has("gc") {
		runtime.GC()
	}
	kind := "application/octet-stream"
	if debug > 0 {
		kind = "text/plain; charset=utf-8"
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Cache-Control", "no-store")
	_ = found.WriteTo(w, int(min(debug, 2))) // it fails with the connection only
	return nil
}

// cpu samples what the processor does for some seconds.
func cpu(w http.ResponseWriter, r *http.Request, seconds uint64) error {
	if seconds == 0 {
		seconds = profileSecondsDefault
	}
	if seconds > profileSecondsMax {
		return client.NewProblem(client.CodeBadRequest, "seconds=%d: use up to %d", seconds, profileSecondsMax)
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Cache-Control", "no-store")
	if err := pprof.StartCPUProfile(w); err != nil {
		return client.NewProblem(client.CodeBackpressure, "another profile of the processor is being taken: %v", err)
	}
	defer pprof.StopCPUProfile()
	select {
	case <-time.After(time.Duration(seconds) * time.Second):
	case <-r.Context().Done():
	}
	return nil
}
