package api_test

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/internal/pki"
	"github.com/wraft/wraft/node/api"
	"github.com/wraft/wraft/node/api/apitest"
)

// access says who may call each method: r reader, w writer, d the deployer of kv, o operator,
// a admin, j who has a token that lets a node in, n who shows nothing. docs/OPERATIONS.md shows
// the same by right.
const access = `
POST /v1/machines/kv/commands           w  a
POST /v1/machines/kv/batch              w  a
POST /v1/machines/kv/sessions           w  a
POST /v1/machines/kv/queries            rwdoa
GET /v1/machines                        rwdoa
GET /v1/machines/kv                     rwdoa
PUT /v1/machines/kv                       doa
DELETE /v1/machines/kv                      a
POST /v1/machines/kv/activate             doa
POST /v1/machines/kv/rollback             doa
GET /v1/machines/kv/history             rwdoa
POST /v1/machines/kv/snapshots             oa
GET /v1/machines/kv/events              rwdoa
GET /v1/machines/kv/logs                rwdoa
GET /v1/machines/kv/backup              rwdoa
PUT /v1/machines/kv/backup                 oa
GET /v1/groups/99/entries                  oa
GET /v1/modules/HASH                    rwdoa
PUT /v1/modules/HASH                      doa
PUT /v1/cluster/feature-level               a
POST /v1/cluster/members                   oa
PATCH /v1/cluster/members/4                oa
DELETE /v1/cluster/members/4               oa
POST /v1/cluster/leader/transfer           oa
PATCH /v1/cluster/leader/policy            oa
GET /v1/tokens                              a
POST /v1/tokens                             a
DELETE /v1/tokens/ci                        a
GET /v1/audit                              oa
GET /v1/cluster/authorities             rwdoajn
POST /v1/cluster/join                        j
POST /v1/cluster/links/4                   oa
GET /v1/cluster                         rwdoa
GET /v1/cluster/views                   rwdoa
GET /ui                                 rwdoajn
GET /ui/app.js                          rwdoajn
GET /metrics                            rwdoa
GET /debug/pprof/goroutine                  a
GET /livez                              rwdoajn
GET /readyz                             rwdoajn
GET /readyz/disk                        rwdoajn
GET /v1/nothing                         rwdoajn
POST /v1/machines                       rwdoa
`

// TestAccess has every role call every method, with a certificate and with a token. What is
// allowed may fail in any other way.
func TestAccess(t *testing.T) {
	b, _, s := setup(t, apitest.Options{})
	byCertificate, byToken := map[byte]*caller{}, map[byte]*caller{}
	for letter, role := range map[byte]string{
		'r': pki.RoleReader, 'w': pki.RoleWriter, 'd': pki.Deployer("kv"), 'e': pki.Deployer("other"), 'o': pki.RoleOperator, 'a': pki.RoleAdmin,
	} {
		byCertificate[letter] = newCaller(t, s, s.RoleTLS(t, role))
		byToken[letter] = newCaller(t, s, s.AnonymousTLS())
		byToken[letter].token = b.AddToken(role, time.Time{})
	}
	byCertificate['k'] = newCaller(t, s, s.NodeTLS(t))
	checkAccess(t, s, byCertificate)
	byToken['j'] = newCaller(t, s, s.AnonymousTLS()) // no certificate has that role
	byToken['j'].token = b.AddToken(client.RoleJoin, time.Time{})
	checkAccess(t, s, byToken)
	checkAccess(t, s, map[byte]*caller{'n': newCaller(t, s, s.AnonymousTLS())})
}

func checkAccess(t *testing.T, s *apitest.Server, callers map[byte]*caller) {
	t.Helper()
	seen := map[string]bool{}
	for line := range strings.Lines(strings.TrimSpace(access)) {
		fields := strings.Fields(line)
		method, path, who := fields[0], fields[1], strings.Join(fields[2:], "")
		seen[method+" "+path] = true
		for letter, c := range callers {
			may := strings.ContainsRune(who, rune(letter))
			switch letter {
			case 'e': // Why: to him kv is a machine like any other, and modules are nobody's
				may = strings.Contains(who, "r") || strings.Contains(path, "/modules/")
			case 'k': // another node
				may = strings.Contains(who, "r")
			}
			r := c.do(t, method, strings.Replace(path, "HASH", someHash, 1), strings.NewReader("{}"))
			refused := r.status == 403 && (strings.Contains(r.body, string(client.CodeNotAllowed)) || letter == 'n' && strings.Contains(r.body, string(client.CodeNoCertificate)))
			if refused == may {
				t.Errorf("%c: %s %s: refused %v: %d %.200s", letter, method, path, refused, r.status, r.body)
			}
		}
	}
	for _, m := range api.Methods(s.API) {
		path := strings.NewReplacer("{machine}", "kv", "{digest}", "HASH", "{node}", "4", "{check}", "disk", "{file}", "app.js", "{profile}", "goroutine", "{token}", "ci", "{group}", "99").Replace(m)
		if !seen[path] {
			t.Errorf("the table lacks %s", path)
		}
	}
}

// TestANodeMayLook at what another one's API says, and no more.
func TestANodeMayLook(t *testing.T) {
	_, _, s := setup(t, apitest.Options{})
	node := newCaller(t, s, s.NodeTLS(t))
	if r := node.do(t, "GET", "/v1/cluster", nil); r.status != 200 {
		t.Errorf("got %+v", r)
	}
	for _, path := range []string{"/v1/machines/counter", "/v1/cluster/members/1"} {
		checkProblem(t, node.do(t, "DELETE", path, nil), 403, client.CodeNotAllowed, "node")
	}
}

// TestCertificatesThatNameNobody are good for nothing, though the authority issued them.
func TestCertificatesThatNameNobody(t *testing.T) {
	for text, good := range map[string]bool{
		"wraft://here/client/ada?role=reader": true, "wraft://here/node/1": true,
		"wraft://there/client/ada?role=admin": false, "wraft://there/node/1": false, "": false,
		"wraft://here/client/ada": false, "wraft://here/client/ada?role=king": false, "https://here/client/ada?role=admin": false,
	} {
		leaf := &x509.Certificate{Subject: pkix.Name{CommonName: "admin"}}
		if uri, err := url.Parse(text); err != nil {
			t.Fatal(err)
		} else if text != "" {
			leaf.URIs = append(leaf.URIs, uri)
		}
		err := api.HolderError(leaf, "here")
		var p *client.Problem
		if good != (err == nil) || !good && (!errors.As(err, &p) || p.Code != client.CodeNoCertificate) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
