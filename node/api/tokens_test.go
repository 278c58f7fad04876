package api_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/internal/pki"
	"github.com/wraft/wraft/node/api/apitest"
)

// TestTokensTakeThePlaceOfCertificates: made, used, shown never again, revoked.
func TestTokensTakeThePlaceOfCertificates(t *testing.T) {
	b, admin, s := setup(t, apitest.Options{})
	r := admin.do(t, "POST", "/v1/tokens", strings.NewReader(`{"role":"writer","name":"ci","expires":"`+time.Now().Add(time.Hour).UTC().Format(time.RFC3339)+`"}`))
	var made client.NewToken
	if err := json.Unmarshal([]byte(r.body), &made); err != nil || r.status != 201 || made.Name != "ci" || made.By != "admin" {
		t.Fatalf("got %+v, %v", r, err)
	}
	user := newCaller(t, s, s.AnonymousTLS())
	user.token = made.Token
	for scheme, want := range map[string]int{"Bearer ": 200, "bearer  ": 200, "Basic ": 401, "": 401} {
		if r := user.do(t, "POST", commands, strings.NewReader("incr"), "Authorization: "+scheme+made.Token); r.status != want {
			t.Errorf("%q: %d %s", scheme, r.status, r.body)
		}
	}
	if list := admin.do(t, "GET", "/v1/tokens", nil); !strings.Contains(list.body, made.ID) || strings.Contains(list.body, made.Token) {
		t.Errorf("the list: %s", list.body)
	}
	checkProblem(t, admin.do(t, "POST", "/v1/tokens", strings.NewReader(`{"role":"reader","name":"ci"}`)), 409, client.CodeTokenExists, "ci")
	if r := admin.do(t, "DELETE", "/v1/tokens/ci", nil); r.status != 200 {
		t.Errorf("got %+v", r)
	}
	before := b.Seen("Command")
	r = user.do(t, "POST", commands, strings.NewReader("incr"))
	checkProblem(t, r, 401, client.CodeBadToken, "revoked")
	if r.header.Get("WWW-Authenticate") != "Bearer" || b.Seen("Command") != before {
		t.Errorf("got %+v, %d commands", r, b.Seen("Command"))
	}
	checkProblem(t, admin.do(t, "DELETE", "/v1/tokens/ci", nil), 404, client.CodeUnknownToken, "ci")
}

// TestBadTokensAreRefused though the connection has an admin's certificate: who shows one
// means to be its holder.
func TestBadTokensAreRefused(t *testing.T) {
	b, admin, _ := setup(t, apitest.Options{})
	never, _ := pki.NewToken()
	for token, why := range map[string]string{
		never: "no such token", "x": "not a token", strings.Repeat("x", 60000): "not a token",
		b.AddToken(pki.RoleAdmin, time.Now().Add(-time.Second)): "expired", b.AddToken("king", time.Time{}): "king", b.AddToken("", time.Time{}): "role",
	} {
		admin.token = token
		checkProblem(t, admin.do(t, "GET", "/v1/cluster", nil), 401, client.CodeBadToken, why)
	}
	if b.Seen("ClusterInfo") != 0 {
		t.Error("the backend was asked")
	}
}

func TestTokensThatNobodyMayHave(t *testing.T) {
	b, admin, _ := setup(t, apitest.Options{})
	for body, why := range map[string]string{
		`{"name":"ci"}`: "role", `{"role":"king"}`: "king", `{"role":"deployer"}`: "role", `{"role":"reader","name":"No Name"}`: "name",
		`{"role":"reader","expires":"2001-01-01T00:00:00Z"}`: "expires", `{"role":"reader","expires":"2999-01-01T00:00:00Z"}`: "expires",
	} {
		checkProblem(t, admin.do(t, "POST", "/v1/tokens", strings.NewReader(body)), 400, client.CodeBadRequest, why)
	}
	if b.Seen("CreateToken") != 0 {
		t.Error("the backend was asked")
	}
}

func TestAuditSaysWho(t *testing.T) {
	b, _, s := setup(t, apitest.Options{})
	user := newCaller(t, s, s.AnonymousTLS())
	user.token = b.AddToken(pki.RoleAdmin, time.Time{})
	user.do(t, "POST", "/v1/tokens", strings.NewReader(`{"role":"reader","name":"x"}`))
	var list struct {
		Audit []client.AuditRecord `json:"audit"`
	}
	r := user.do(t, "GET", "/v1/audit", nil)
	if err := json.Unmarshal([]byte(r.body), &list); err != nil || len(list.Audit) != 1 || !strings.HasPrefix(list.Audit[0].By, "token:") || list.Audit[0].Subject != "x" {
		t.Errorf("got %+v, %v", r, err)
	}
}
