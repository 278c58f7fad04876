package server

import (
	"context"
	"crypto/tls"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/internal/nodeconfig"
	"github.com/wraft/wraft/internal/pki"
)

// apiClient is a client of one node, with an admin's certificate of the cluster in home's
// folder or with a token.
func apiClient(t *testing.T, c Config, s *Server, token string) *client.Client {
	t.Helper()
	return apiClientOver(t, c, s, token, client.ProtocolAuto)
}

// apiClientOver is apiClient for a protocol.
func apiClientOver(t *testing.T, c Config, s *Server, token string, p client.Protocol) *client.Client {
	t.Helper()
	folder := filepath.Dir(filepath.Dir(c.TLS.CA))
	pool, err := pki.LoadPool(c.TLS.CA)
	if err != nil {
		t.Fatal(err)
	}
	conf := &tls.Config{RootCAs: pool}
	if token == "" {
		pair, err := pki.LoadPair(filepath.Join(folder, "client"), "admin")
		if err != nil {
			t.Fatal(err)
		}
		cert, err := pair.TLS()
		if err != nil {
			t.Fatal(err)
		}
		conf.Certificates = []tls.Certificate{cert}
	}
	cl, err := client.New(client.Config{Endpoints: []string{s.APIAddr()}, TLS: conf, Token: token, Protocol: p, Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return cl
}

// TestTokensOutliveARestart, as does the audit of who made them; a revoked one is refused.
func TestTokensOutliveARestart(t *testing.T) {
	c := oneNode(t, "blue")
	c.TLS.ClientAuth = nodeconfig.ClientAuthRequire
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	s, err := start(t, c)
	if err != nil {
		t.Fatal(err)
	}
	made, err := apiClient(t, c, s, "").CreateToken(ctx, client.TokenSpec{Role: pki.RoleAdmin, Name: "ops", Expires: time.Now().Add(time.Hour)})
	if err != nil || made.By != "admin" || made.Created.IsZero() {
		t.Fatalf("%+v, %v", made, err)
	}
	stop(t, s)
	c = fresh(t, c)
	if s, err = start(t, c); err != nil {
		t.Fatal(err)
	}
	defer stop(t, s)
	holder := apiClient(t, c, s, made.Token)
	tokens, err := holder.Tokens(ctx)
	if err != nil || len(tokens) != 1 || tokens[0].ID != made.ID {
		t.Errorf("%+v, %v", tokens, err)
	}
	if _, _, err := holder.AddNode(ctx, client.NodeSpec{ID: 4, Peer: "127.0.0.1:1", API: "127.0.0.1:2"}); err != nil {
		t.Errorf("add a node: %v", err)
	}
	records, err := holder.Audit(ctx)
	var told []string
	for _, r := range records {
		told = append(told, r.By+" "+r.Action+" "+r.Subject)
	}
	if want := []string{"token:ops add-node n4", "admin create-token ops"}; err != nil || !slices.Equal(told, want) {
		t.Errorf("the audit says %q, %v, want %q", told, err, want)
	}
	if _, err := holder.RevokeToken(ctx, "ops"); err != nil {
		t.Errorf("revoke: %v", err)
	}
	if _, err := holder.Cluster(ctx); code(err) != client.CodeBadToken {
		t.Errorf("a revoked token: %v", err)
	}
}
