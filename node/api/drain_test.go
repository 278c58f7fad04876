package api_test

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/wraft/wraft/internal/pki"
	"github.com/wraft/wraft/node/api"
	"github.com/wraft/wraft/node/api/apitest"
)

// endless is a body that counts what is read of it.
type endless struct{ read int64 }

func (e *endless) Read(b []byte) (int, error) {
	e.read += int64(len(b))
	return len(b), nil
}

// TestLittleIsReadOfStrangers: of a body that is refused to whoever may not send it, or not
// now, next to nothing is read; of one that is only too large, so much that its sender sees the
// answer.
func TestLittleIsReadOfStrangers(t *testing.T) {
	const little, module = 512 << 10, 1 << 20
	_, _, s := setup(t, apitest.Options{ModuleBytesMax: module})
	known := s.RoleTLS(t, pki.RoleAdmin).Certificates[0]
	leaf, err := x509.ParseCertificate(known.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	shown := &tls.ConnectionState{PeerCertificates: []*x509.Certificate{leaf}, HandshakeComplete: true}
	ask := func(method, path string, by *tls.ConnectionState) (status int, read int64) {
		body := new(endless)
		r := httptest.NewRequest(method, path, io.NopCloser(body))
		r.TLS, r.ContentLength = by, -1
		w := httptest.NewRecorder()
		s.API.Handler().ServeHTTP(w, r)
		return w.Code, body.read
	}
	modulePath := "/v1/modules/" + someHash
	for _, row := range []struct {
		method, path string
		by           *tls.ConnectionState
		status       int
		much         bool
	}{
		{"PUT", modulePath, nil, http.StatusForbidden, false},
		{"POST", commands, nil, http.StatusForbidden, false},
		{"POST", "/nothing", nil, http.StatusNotFound, false},
		{"POST", "/livez", nil, http.StatusMethodNotAllowed, false},
		{"PUT", modulePath, shown, http.StatusRequestEntityTooLarge, true},
	} {
		status, read := ask(row.method, row.path, row.by)
		if status != row.status || (read > module) != row.much || !row.much && read > little {
			t.Errorf("%s %s, certificate %t: %d after %d bytes", row.method, row.path, row.by != nil, status, read)
		}
	}
	api.Fill(s.API)
	if status, read := ask("POST", commands, shown); status != http.StatusTooManyRequests || read > little {
		t.Errorf("full: %d after %d bytes", status, read)
	}
}
