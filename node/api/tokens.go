package api

import (
	"net/http"
	"strings"
	"time"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/internal/pki"
)

// tokenScheme is how requests show a token (RFC 6750 §2.1).
const tokenScheme = "bearer"

// tokenHolder is whose token the values of the header Authorization show; CodeBadToken when
// that is none of the cluster's. It says alike of all that were never made, and its work
// does not depend on how many there are but for the steps of a search.
func (s *Server) tokenHolder(values []string) (holder, error) {
	h, _, err := s.shownToken(values)
	return h, err
}

// shownToken is tokenHolder with the token's hash.
func (s *Server) shownToken(values []string) (holder, pki.TokenHash, error) {
	refuse := func(why string) (holder, pki.TokenHash, error) {
		return holder{}, pki.TokenHash{}, client.NewProblem(client.CodeBadToken, "%s", why)
	}
	if len(values) != 1 {
		return refuse("there has to be one header Authorization: Bearer TOKEN")
	}
	scheme, text, _ := strings.Cut(values[0], " ")
	if !strings.EqualFold(scheme, tokenScheme) {
		return refuse("the header Authorization has to be: Bearer TOKEN")
	}
	return holderOfToken(s.backend, strings.TrimLeft(text, " "))
}

// holderOfToken is whose token a text is, or CodeBadToken.
func holderOfToken(tokens TokenFinder, text string) (holder, pki.TokenHash, error) {
	hash, err := pki.HashToken(text)
	if err != nil {
		return holder{}, hash, client.NewProblem(client.CodeBadToken, "%v", err)
	}
	h, err := holderOfHash(tokens, hash)
	return h, hash, err
}

// holderOfHash is holderOfToken of a token that is a token by its form.
func holderOfHash(tokens TokenFinder, hash pki.TokenHash) (holder, error) {
	info, err := tokens.FindToken(hash)
	if err != nil {
		return holder{}, err
	}
	if info.Expired(time.Now()) {
		return holder{}, client.NewProblem(client.CodeBadToken, "the token expired at %s", info.Expires.UTC().Format(time.RFC3339))
	}
	h := holder{name: tokenPrefix + info.Name}
	if info.Role == client.RoleJoin { // Why apart: no certificate may have it
		h.role = client.RoleJoin
		return h, nil
	}
	if h.role, h.machine, err = pki.ParseRole(info.Role); err != nil {
		return holder{}, client.NewProblem(client.CodeBadToken, "%v", err)
	}
	return h, nil
}

// tokenPrefix tells tokens from certificates in the names of callers. No name in a
// certificate has a colon.
const tokenPrefix = "token:"

// tokenList is the body of GET /v1/tokens.
type tokenList struct {
	Tokens []client.TokenInfo `json:"tokens"`
}

// getTokens lists tokens: GET /v1/tokens.
func (s *Server) getTokens(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel, err := plainRequest(r, CommandTimeoutDefault)
	if err != nil {
		return err
	}
	defer cancel()
	tokens, err := s.backend.ListTokens(ctx)
	if err != nil {
		return ReadProblem(r.Context(), err)
	}
	if tokens == nil {
		tokens = []client.TokenInfo{} // so that JSON says [] and not null
	}
	writeJSON(w, http.StatusOK, tokenList{tokens})
	return nil
}

// postToken makes a token and shows it: POST /v1/tokens.
func (s *Server) postToken(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel, err := plainRequest(r, CommandTimeoutDefault)
	if err != nil {
		return err
	}
	defer cancel()
	var spec client.TokenSpec
	if err := readJSON(w, r, "a token", &spec, `{"role":"writer","name":"NAME","expires":"2030-01-02T15:04:05Z"}; all but role may be left out; or {"join":{"node":4,"learner":false}} in its place.`); err != nil {
		return err
	}
	if err := checkTokenSpec(spec, time.Now()); err != nil {
		return err
	}
	token, hash := pki.NewToken()
	shown := token
	if spec.Join != nil { // Why first: a token that nobody can use should not be made
		if shown, err = s.backend.Invite(token); err != nil {
			return err
		}
		spec.Role = client.RoleJoin
	}
	info, err := s.backend.CreateToken(ctx, hash, spec)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusCreated, client.NewToken{TokenInfo: info, Token: shown})
	return nil
}

func checkTokenSpec(spec client.TokenSpec, now time.Time) error {
	_, _, err := pki.ParseRole(spec.Role)
	switch {
	case spec.Join != nil && (spec.Role != "" || spec.Join.As != 0):
		return client.NewProblem(client.CodeBadRequest, "a token that lets a node in has no role, and has let nobody in yet")
	case spec.Join == nil && err != nil:
		return client.NewProblem(client.CodeBadRequest, "%v", err)
	}
	if spec.Name != "" {
		if err := pki.CheckName("token", spec.Name); err != nil {
			return client.NewProblem(client.CodeBadRequest, "%v", err)
		}
	}
	if !spec.Expires.IsZero() && (!spec.Expires.After(now) || spec.Expires.After(now.Add(client.TokenValidityMax))) {
		return client.NewProblem(client.CodeBadRequest, "expires: %s: must lie ahead, by at most %v", spec.Expires.Format(time.RFC3339), client.TokenValidityMax)
	}
	return nil
}

// deleteToken revokes a token: DELETE /v1/tokens/{token}.
func (s *Server) deleteToken(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel, err := plainRequest(r, CommandTimeoutDefault)
	if err != nil {
		return err
	}
	defer cancel()
	gone, err := s.backend.RevokeToken(ctx, r.PathValue("token"))
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, gone)
	return nil
}

// auditList is the body of GET /v1/audit.
type auditList struct {
	Audit []client.AuditRecord `json:"audit"`
}

// getAudit tells who did what: GET /v1/audit.
func (s *Server) getAudit(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel, err := plainRequest(r, CommandTimeoutDefault)
	if err != nil {
		return err
	}
	defer cancel()
	records, err := s.backend.AuditRecords(ctx)
	if err != nil {
		return ReadProblem(r.Context(), err)
	}
	if records == nil {
		records = []client.AuditRecord{} // so that JSON says [] and not null
	}
	writeJSON(w, http.StatusOK, auditList{records})
	return nil
}
