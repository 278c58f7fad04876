package server

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/wraft/wraft/client"
)

// TestARottenCertificateIsNamed flips bits of the files of a node's identity, one at a
// time, and cuts them: the start is refused with the name of a file to look at, or the bit said
// nothing and the identity is as it was.
func TestARottenCertificateIsNamed(t *testing.T) {
	c := oneNode(t, "blue").WithDefaults()
	t.Cleanup(func() {
		if err := errors.Join(c.APIListener.Close(), c.PeerConn.Close()); err != nil {
			t.Error(err)
		}
	})
	whole, err := loadIdentity(c)
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for name, path := range map[string]string{"authority": c.TLS.CA, "certificate": c.TLS.Cert, "key": c.TLS.Key} {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		refused := 0
		const tries = 200
		for i := range tries {
			rotten := bytes.Clone(text)
			if i%10 == 0 {
				rotten = rotten[:rng.IntN(len(rotten)-30)] // Why 30: without its last line break it is still whole
			} else {
				rotten[rng.IntN(len(rotten))] ^= 1 << rng.IntN(8)
			}
			if err := os.WriteFile(path, rotten, 0o600); err != nil {
				t.Fatal(err)
			}
			id, err := loadIdentity(c)
			var p *client.Problem
			switch {
			case err == nil && !id.current.Load().leaf.Equal(whole.current.Load().leaf):
				t.Errorf("%s: another certificate was taken", name)
			case err == nil:
			case !errors.As(err, &p) || p.Code != client.CodeTLS || !strings.Contains(p.Detail, path):
				t.Errorf("%s: the problem does not name %s: %v", name, path, err)
			default:
				refused++
			}
		}
		// Why so few: a key's file says its public half too, which nobody reads.
		if refused < tries/2 {
			t.Errorf("%s: only %d of %d were noticed", name, refused, tries)
		}
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
