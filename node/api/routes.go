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
	methods map[string]method
	// open routes answer without a client certificate.
	open bool
	// words explains, by method, why a method one would expect is missing.
	words map[string]string
}

// method is what answers, and what the caller must be allowed to; the latter counts for
// nothing on open routes.
type method struct {
	need right
	do   handlerFunc
}

// routes is the whole API. net/http matches the patterns; methods are dispatched
// here, so that a wrong one gets a problem like any other mistake.
func (s *Server) routes() []route {
	return []route{
		{pattern: "/v1/machines/{machine}/commands", methods: map[string]method{"POST": {write, s.bounded(s.postCommand)}}},
		{pattern: "/v1/machines/{machine}/batch", methods: map[string]method{"POST": {write, s.boundedTo(batchBytesMax, s.postBatch)}}},
		{pattern: "/v1/machines/{machine}/sessions", methods: map[string]method{"POST": {write, s.bounded(s.postSession)}}},
		{pattern: "/v1/machines/{machine}/queries", methods: map[string]method{"POST": {read, s.bounded(s.postQuery)}}},
		{pattern: "/v1/machines", methods: map[string]method{"GET": {read, s.getMachines}}},
		{
			pattern: "/v1/machines/{machine}",
			methods: map[string]method{"GET": {read, s.getMachine}, "PUT": {deploy, s.putMachine}, "DELETE": {administer, s.deleteMachine}},
		},
		{pattern: "/v1/machines/{machine}/activate", methods: map[string]method{"POST": {deploy, s.postActivate}}},
		{pattern: "/v1/machines/{machine}/rollback", methods: map[string]method{"POST": {deploy, s.postRollback}}},
		{pattern: "/v1/machines/{machine}/history", methods: map[string]method{"GET": {read, s.getHistory}}},
		{pattern: "/v1/machines/{machine}/snapshots", methods: map[string]method{"POST": {operate, s.postSnapshot}}},
		{pattern: "/v1/machines/{machine}/events", methods: map[string]method{"GET": {read, s.getEvents}}},
		{pattern: "/v1/machines/{machine}/logs", methods: map[string]method{"GET": {read, s.getLogs}}},
		{pattern: "/v1/machines/{machine}/backup", methods: map[string]method{"GET": {read, s.getBackup}, "PUT": {operate, s.putBackup}}},
		{pattern: "/v1/groups/{group}/entries", methods: map[string]method{"GET": {operate, s.getEntries}}},
		{pattern: "/v1/modules/{digest}", methods: map[string]method{"GET": {read, s.getModule}, "PUT": {deploy, s.putModule}}},
		{pattern: "/v1/cluster/feature-level", methods: map[string]method{"PUT": {administer, s.putFeatureLevel}}},
		{pattern: "/v1/cluster/members", methods: map[string]method{"POST": {operate, s.postMember}}},
		{pattern: "/v1/cluster/members/{node}", methods: map[string]method{"PATCH": {operate, s.patchMember}, "DELETE": {operate, s.deleteMember}}},
		{pattern: "/v1/cluster/leader/transfer", methods: map[string]method{"POST": {operate, s.postTransfer}}},
		{pattern: "/v1/cluster/leader/policy", methods: map[string]method{"PATCH": {operate, s.patchLeaderPolicy}}},
		{pattern: "/v1/cluster/views", methods: map[string]method{"GET": {read, s.getViews}}},
		{pattern: "/v1/tokens", methods: map[string]method{"GET": {administer, s.getTokens}, "POST": {administer, s.postToken}}},
		{pattern: "/v1/tokens/{token}", methods: map[string]method{"DELETE": {administer, s.deleteToken}}},
		{pattern: "/v1/cluster/authorities", open: true, methods: map[string]method{"GET": {read, s.getAuthorities}}},
		{pattern: "/v1/cluster/join", methods: map[string]method{"POST": {join, s.postJoin}}},
		{pattern: "/v1/audit", methods: map[string]method{"GET": {operate, s.getAudit}}},
		{pattern: "/v1/cluster/links/{node}", methods: map[string]method{"POST": {operate, s.postLink}}},
		{pattern: "/v1/cluster", methods: map[string]method{"GET": {read, s.getCluster}}},
		{pattern: "/livez", open: true, methods: map[string]method{"GET": {read, s.getLive}}},
		{pattern: "/readyz", open: true, methods: map[string]method{"GET": {read, s.getReady}}},
		{pattern: "/readyz/{check}", open: true, methods: map[string]method{"GET": {read, s.getReady}}},
		{pattern: pagePath, open: true, methods: map[string]method{"GET": {read, s.getPage}}},
		{pattern: pagePath + "/{file}", open: true, methods: map[string]method{"GET": {read, s.getPage}}},
		{pattern: "/debug/pprof/{profile}", methods: map[string]method{"GET": {administer, s.getProfile}}},
		{pattern: "/metrics", methods: map[string]method{"GET": {read, s.getMetrics}}},
	}
}

// handler puts the routes together and stamps every answer with the node's ID.
func (s *Server) handler() http.Handler {
	mux := http.NewServeMux()
	for _, rt := range s.routes() {
		mux.Handle(rt.pattern, s.serve(s.traced(rt)))
	}
	unknown := s.serve(route{pattern: "/", open: true})
	mux.Handle("/", unknown)
	servedBy := s.config.Node.String()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		noteRequest(r.Context())
		w.Header().Set(client.HeaderServedBy, servedBy)
		if s.config.AltSvc != "" {
			w.Header().Set("Alt-Svc", s.config.AltSvc)
		}
		if r.URL.Path == pagePath+"/" { // Why: people type addresses, and nothing is lost by reading
			http.Redirect(w, r, pagePath, http.StatusPermanentRedirect)
			return
		}
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
		name := "other"
		m, ok := rt.find(r.Method)
		if ok {
			name = r.Method
		}
		err := s.admit(rt, r, m.need, ok)
		admitted := err == nil && !rt.open
		switch {
		case err == nil && ok:
			err = m.do(rec, s.named(r, m.need))
		case err == nil:
			rec.Header().Set("Allow", allow)
			err = rt.methodProblem(r.Method, allow)
		}
		if err != nil {
			s.writeProblem(rec, r, err, admitted)
		}
		s.metrics.observe(rt.pattern, name, rec.status, time.Since(begin))
	})
}

// admit checks what must hold before a method does anything; known is whether there is one.
func (s *Server) admit(rt route, r *http.Request, need right, known bool) error {
	switch {
	case rt.methods == nil:
		return client.NewProblem(client.CodeUnknownPath, "there is nothing at %.200q", r.URL.Path)
	case rt.open:
		return nil
	case !known:
		need = read // Why: who may look may also learn what is possible here
	}
	return s.allow(r, need)
}

// find is what a method does; HEAD is GET, whose body net/http drops.
func (rt route) find(name string) (method, bool) {
	if name == http.MethodHead {
		name = http.MethodGet
	}
	m, ok := rt.methods[name]
	return m, ok
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
