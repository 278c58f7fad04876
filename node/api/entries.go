package api

import (
	"errors"
	"math"
	"net/http"
	"strconv"

	"github.com/wraft/wraft/client"
)

// getEntries hands out the applied entries of a group's log: GET /v1/groups/{group}/entries.
func (s *Server) getEntries(w http.ResponseWriter, r *http.Request) error {
	group, err := strconv.ParseUint(r.PathValue("group"), 10, 64)
	if err != nil || group == 0 {
		return client.NewProblem(client.CodeBadRequest, "%.40q is no group: use a number above 0", r.PathValue("group"))
	}
	q, err := readEntriesRequest(r)
	if err != nil {
		return err
	}
	need := operate
	if q.Data && client.GroupID(group) == client.MetaGroup {
		need = administer
		if err := s.allow(r, need); err != nil {
			return withoutData(err)
		}
	}
	return s.streamFeed(w, r, need, !q.Once, func() (Feed, error) {
		return s.backend.LogEntries(r.Context(), client.GroupID(group), q)
	})
}

// withoutData tells who may not see the data of the meta group what is left.
func withoutData(err error) error {
	var p *client.Problem
	if errors.As(err, &p) && p.Code == client.CodeNotAllowed {
		return p.WithHint("The data in the log of group %v takes an admin: it has the hashes of tokens. Leave out data=true (--data) to see the rest.", client.MetaGroup)
	}
	return err
}

// readEntriesRequest reads it. Why Last-Event-ID goes before the others: who comes back
// repeats the URL with which it began.
func readEntriesRequest(r *http.Request) (q client.LogEntryQuery, err error) {
	p, err := readParams(r, "from", "newest", "data", "follow")
	if err != nil {
		return q, err
	}
	if q.From, err = p.uint("from"); err != nil {
		return q, err
	}
	if q.Newest, err = p.uint("newest"); err != nil {
		return q, err
	}
	if p.has("from") && p.has("newest") {
		return q, client.NewProblem(client.CodeBadRequest, "from= and newest= are both given: use one of them")
	}
	if q.Data, err = p.flag("data", false); err != nil {
		return q, err
	}
	follow, err := p.flag("follow", true)
	if err != nil {
		return q, err
	}
	q.Once = !follow
	if last := r.Header.Get(client.HeaderLastEventID); last != "" {
		index, err := strconv.ParseUint(last, 10, 64)
		if err != nil || index == math.MaxUint64 {
			return q, client.NewProblem(client.CodeBadRequest, "%s: %.60q is no index", client.HeaderLastEventID, last)
		}
		q.From, q.Newest = index+1, 0
	}
	return q, nil
}
