package api_test

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/node/api/apitest"
	"github.com/wraft/wraft/node/api/ui"
)

// TestThePageIsForAnybody: its files need no certificate, and say what a browser may do
// with them; what it shows is not among them.
func TestThePageIsForAnybody(t *testing.T) {
	_, _, s := setup(t, apitest.Options{})
	conf := s.ClientTLS(t)
	conf.Certificates = nil
	stranger := newCaller(t, s, conf)
	for path, kind := range map[string]string{
		"/ui": "text/html", "/ui/app.js": "text/javascript", "/ui/style.css": "text/css", "/ui/icon.svg": "image/svg+xml",
	} {
		r := stranger.do(t, "GET", path, nil)
		h := r.header
		if r.status != 200 || h.Get("Content-Type") != kind+"; charset=utf-8" || h.Get("Content-Security-Policy") != ui.Policy || h.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %d %v", path, r.status, h)
		}
		if again := stranger.do(t, "GET", path, nil, "If-None-Match: "+h.Get("ETag")); again.status != http.StatusNotModified || again.body != "" {
			t.Errorf("%s again: %d, %d bytes", path, again.status, len(again.body))
		}
	}
	if r := stranger.do(t, "GET", "/ui/", nil); r.status != http.StatusPermanentRedirect || r.header.Get("Location") != "/ui" {
		t.Errorf("/ui/: %+v", r)
	}
	checkProblem(t, stranger.do(t, "GET", "/ui/page.go", nil), 404, client.CodeUnknownPath, "page.go")
	checkProblem(t, stranger.do(t, "POST", "/ui", nil), 405, client.CodeMethodNotAllowed, "GET")
	checkProblem(t, stranger.do(t, "GET", "/v1/cluster/views", nil), 403, client.CodeNoCertificate, "certificate")
}

// TestThePageHasNothingInline, which its own policy would stop, and names no other host.
func TestThePageHasNothingInline(t *testing.T) {
	_, c, _ := setup(t, apitest.Options{})
	page := c.do(t, "GET", "/ui", nil).body
	for _, bad := range []string{`<script>`, `<style`, ` style=`, ` onclick=`, `javascript:`} {
		if strings.Contains(page, bad) {
			t.Errorf("the page contains %q", bad)
		}
	}
	for _, m := range regexp.MustCompile(`(?:src|href)="([^"#]+)"`).FindAllStringSubmatch(page, -1) {
		if r := c.do(t, "GET", m[1], nil); r.status != 200 {
			t.Errorf("%s: status %d", m[1], r.status)
		}
	}
}

// TestViews: what the page asks for.
func TestViews(t *testing.T) {
	b, c, _ := setup(t, apitest.Options{})
	var views client.ClusterViews
	r := c.do(t, "GET", "/v1/cluster/views", nil)
	if err := json.Unmarshal([]byte(r.body), &views); err != nil || len(views.Views) != 1 || views.Views[0].Cluster.Groups[1].Machine != "counter" {
		t.Errorf("%v: %+v", err, r)
	}
	checkProblem(t, c.do(t, "GET", "/v1/cluster/views?node=1", nil), 400, client.CodeUnknownParameter, "node")
	b.Fail(func(string) error { return client.NewProblem(client.CodeShuttingDown, "going") })
	checkProblem(t, c.do(t, "GET", "/v1/cluster/views", nil), 503, client.CodeShuttingDown, "going")
}
