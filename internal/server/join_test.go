package server

import (
	"context"
	"crypto/tls"
	"path/filepath"
	"testing"
	"time"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/internal/bootstrap"
	"github.com/wraft/wraft/internal/nodeconfig"
	"github.com/wraft/wraft/internal/pki"
)

// request asks for a certificate of a fresh key.
func request(t *testing.T) (key []byte, text string) {
	t.Helper()
	key, err := pki.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	data, err := pki.NewRequest(key)
	if err != nil {
		t.Fatal(err)
	}
	return key, string(data)
}

// TestANodeJoinsByToken: it gets a certificate and votes once it has caught up; a second one
// does not get in by the same token.
func TestANodeJoinsByToken(t *testing.T) {
	c := oneNode(t, "blue")
	c.TLS.ClientAuth = nodeconfig.ClientAuthRequire
	c.TLS.AuthorityKey = filepath.Join(filepath.Dir(filepath.Dir(c.TLS.CA)), bootstrap.AuthorityDir, pki.AuthorityKeyFile)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	s, err := start(t, c)
	if err != nil {
		t.Fatal(err)
	}
	defer stop(t, s)
	made, err := apiClient(t, c, s, "").CreateToken(ctx, client.TokenSpec{Join: &client.JoinGrant{Node: 5}, Expires: time.Now().Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	invitation, err := pki.ParseInvitation(made.Token)
	if err != nil || invitation.Cluster != "blue" {
		t.Fatalf("%+v, %v", invitation, err)
	}
	if certs, err := stranger(t, s).Authorities(ctx); err != nil {
		t.Error(err)
	} else if sum, err := pki.AuthoritiesHash(certs); err != nil || sum != invitation.Authorities {
		t.Errorf("the invitation is to another authority: %v", err)
	}
	two := fresh(t, c)
	two.Node, two.Join, two.DataDir = 5, true, filepath.Join(t.TempDir(), "data")
	self := nodeconfig.Node{ID: 5, Peer: two.PeerConn.LocalAddr().String(), API: two.APIListener.Addr().String()}
	two.Nodes = []nodeconfig.Node{self, c.Nodes[0]}
	key, text := request(t)
	spec := client.JoinSpec{Request: text, Peer: self.Peer, API: self.API}
	joiner := apiClient(t, c, s, invitation.Token)
	joined, err := joiner.Join(ctx, spec)
	if err != nil || joined.ID != 5 || len(joined.Nodes) != 1 || joined.Nodes[0].Peer != c.Nodes[0].Peer {
		t.Fatalf("%+v, %v", joined, err)
	}
	if again, err := joiner.Join(ctx, spec); err != nil || again.ID != 5 {
		t.Errorf("the same key again: %+v, %v", again, err)
	}
	_, spec.Request = request(t)
	if _, err := joiner.Join(ctx, spec); code(err) != client.CodeTokenUsed {
		t.Errorf("another key: %v", err)
	}
	if _, err := joiner.Cluster(ctx); code(err) != client.CodeNotAllowed {
		t.Errorf("it looks at the cluster: %v", err)
	}
	home := t.TempDir()
	if err := (pki.Pair{Cert: []byte(joined.Certificate), Key: key}).Save(home, "node"); err != nil {
		t.Fatal(err)
	}
	two.TLS.Cert, two.TLS.Key, two.TLS.AuthorityKey = filepath.Join(home, "node.crt"), filepath.Join(home, "node.key"), ""
	other, err := start(t, two)
	if err != nil {
		t.Fatal(err)
	}
	defer stop(t, other)
	awaitVote(ctx, t, apiClient(t, c, s, ""), 5)
	if _, err := apiClient(t, c, other, "").CreateToken(ctx, client.TokenSpec{Join: &client.JoinGrant{}}); code(err) != client.CodeNoAuthorityKey {
		t.Errorf("a node without the authority's key makes such a token: %v", err)
	}
}

// stranger is a client that shows and verifies nothing.
func stranger(t *testing.T, s *Server) *client.Client {
	t.Helper()
	cl, err := client.New(client.Config{Endpoints: []string{s.APIAddr()}, TLS: &tls.Config{InsecureSkipVerify: true}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return cl
}

// awaitVote waits until a node votes.
func awaitVote(ctx context.Context, t *testing.T, admin *client.Client, id client.NodeID) {
	t.Helper()
	for {
		info, err := admin.Cluster(ctx)
		if ctx.Err() != nil {
			t.Fatalf("node %d does not vote: %+v, %v", id, info, err)
		}
		for _, n := range info.Nodes {
			if n.ID == id && len(n.Votes) > 0 {
				return
			}
		}
	}
}

// TestAuthorityKeysAreChecked at the start.
func TestAuthorityKeysAreChecked(t *testing.T) {
	c, other := oneNode(t, "blue"), oneNode(t, "blue")
	for _, file := range []string{
		filepath.Join(t.TempDir(), "none"), c.TLS.Key, filepath.Join(filepath.Dir(filepath.Dir(other.TLS.CA)), bootstrap.AuthorityDir, pki.AuthorityKeyFile),
	} {
		bad := fresh(t, c)
		bad.TLS.AuthorityKey = file
		if _, err := start(t, bad); code(err) != client.CodeTLS {
			t.Errorf("%s: %v", file, err)
		}
	}
}
