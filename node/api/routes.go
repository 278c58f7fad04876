package api

import (
	"net/http"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/wraft/wraft/client"
)

// handlerFunc answers a request, or returns the error to answer with. It must not
// return an error after it has written anything.
type handlerFunc func(w http.ResponseWriter, r *http.Request) error

// route is one path pattern and what each method does there.
type route struct {
	pattern string
	methods map[string]handlerFunc
	// open routes answer without a client certificate.
	open bool
	// words explains, by method, why a method one would expect is missing.
	words map[string]string
}

// routes is the whole API. net/http matches the patterns; methods are dispatched
// here, so that a wrong one gets a problem like any other mistake.
func (s *Server) routes() []route {
	return []route{
		{pattern: "/v1/machines/{machine}/commands", methods: map[string]handlerFunc{"POST": s.postCommand}},
		{pattern: "/v1/machines/{machine}/sessions", methods: map[string]handlerFunc{"POST": s.postSession}},
		{pattern: "/v1/machines/{machine}/queries", methods: map[string]handlerFunc{"POST": s.postQuery}},
		{pattern: "/v1/machines", methods: map[string]handlerFunc{"GET": s.getMachines}},
		{
			pattern: "/v1/machines/{machine}",
			methods: map[string]handlerFunc{"GET": s.getMachine, "PUT": s.putMachine, "DELETE": s.deleteMachine},
		},
		{pattern: "/v1/machines/{machine}/activate", methods: map[string]handlerFunc{"POST": s.postActivate}},
		{pattern: "/v1/machines/{machine}/rollback", methods: map[string]handlerFunc{"POST": s.postRollback}},
		{pattern: "/v1/machines/{machine}/history", methods: map[string]handlerFunc{"GET": s.getHistory}},
		{pattern: "/v1/machines/{machine}/snapshots", methods: map[string]handlerFunc{"POST": s.postSnapshot}},
		{pattern: "/v1/machines/{machine}/backup", methods: map[string]handlerFunc{"GET": s.getBackup, "PUT": s.putBackup}},
		{pattern: "/v1/modules/{digest}", methods: map[string]handlerFunc{"GET": s.getModule, "PUT": s.putModule}},
		{pattern: "/v1/cluster/feature-level", methods: map[string]handlerFunc{"PUT": s.putFeatureLevel}},
		{pattern: "/v1/cluster/members", methods: map[string]handlerFunc{"POST": s.postMember}},
		{pattern: "/v1/cluster/members/{node}", methods: map[string]handlerFunc{"PATCH": s.patchMember, "DELETE": s.deleteMember}},
		{pattern: "/v1/cluster", methods: map[string]handlerFunc{"GET": s.getCluster}},
		{pattern: "/livez", open: true, methods: map[string]handlerFunc{"GET": s.getLive}},
		{pattern: "/readyz", open: true, methods: map[string]handlerFunc{"GET": s.getReady}},
		{pattern: "/readyz/{check}", open: true, methods: map[string]handlerFunc{"GET": s.getReady}},
		{pattern: "/metrics", methods: map[string]handlerFunc{"GET": s.getMetrics}},
	}
}

// handler puts the routes together and stamps every answer with the node's ID.
func (s *Server) handler() http.Handler {
	mux := http.NewServeMux()
	for _, rt := range s.routes() {
		mux.Handle(rt.pattern, s.serve(rt))
	}
	unknown := s.serve(route{pattern: "/", open: true})
	mux.Handle("/", unknown)
	servedBy := s.config.Node.String()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set(client.HeaderServedBy, servedBy)
		// Why not leave it to the mux: it would answer with a redirect, and a
		// redirected POST is a lost or doubled one.
		if path.Clean(r.URL.Path) != r.URL.Path {
			unknown.ServeHTTP(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// serve wraps one route: method, certificate, answer, metrics.
func (s *Server) serve(rt route) http.Handler {
	allow := allowed(rt)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begin := time.Now()
		rec := &statusRecorder{ResponseWriter: w}
		method := "other"
		if err := s.admit(rt, r); err != nil {
			s.writeProblem(rec, r, err)
		} else if h, ok := rt.find(r.Method); ok {
			method = r.Method
			if err := h(rec, r); err != nil {
				s.writeProblem(rec, r, err)
			}
		} else {
			rec.Header().Set("Allow", allow)
			s.writeProblem(rec, r, rt.methodProblem(r.Method, allow))
		}
		s.metrics.observe(rt.pattern, method, rec.status, time.Since(begin))
	})
}

// admit checks what must hold before the method matters.
func (s *Server) admit(rt route, r *http.Request) error {
	if rt.methods == nil {
		return client.NewProblem(client.CodeUnknownPath, "there is nothing at %.200q", r.URL.Path)
	}
	if s.config.ClientAuth && !rt.open {
		return checkCaller(r, s.config.Trust())
	}
	return nil
}

// find is the handler of a method; HEAD is GET, whose body net/http drops.
func (rt route) find(method string) (handlerFunc, bool) {
	if method == http.MethodHead {
		method = http.MethodGet
	}
	h, ok := rt.methods[method]
	return h, ok
}

func (rt route) methodProblem(method, allow string) error {
	if words, ok := rt.words[method]; ok {
		return client.NewProblem(client.CodeMethodNotAllowed, "%s", words)
	}
	return client.NewProblem(client.CodeMethodNotAllowed, "%.20q is not possible here; allowed: %s", method, allow)
}

// allowed is the value of the Allow header.
func allowed(rt route) string {
	var methods []string
	for m := range rt.methods {
		methods = append(methods, m)
		if m == http.MethodGet {
			methods = append(methods, http.MethodHead)
		}
	}
	slices.Sort(methods)
	return strings.Join(methods, ", ")
}
