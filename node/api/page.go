package api

import (
	"bytes"
	"net/http"
	"time"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/node/api/ui"
)

// pagePath is where the web page is.
const pagePath = "/ui"

// getPage serves the web page and its files: GET /ui, GET /ui/{file}. Anybody gets them;
// what the page shows it asks for like any client.
func (s *Server) getPage(w http.ResponseWriter, r *http.Request) error {
	name := r.PathValue("file")
	if name == "" {
		name = ui.Index
	}
	f, ok := ui.Lookup(name)
	if !ok {
		return client.NewProblem(client.CodeUnknownPath, "there is nothing at %.200q", r.URL.Path)
	}
	h := w.Header()
	h.Set("Content-Type", f.Type)
	h.Set("ETag", f.ETag)
	h.Set("Cache-Control", "no-cache") // Why: a node that was upgraded serves another page at the same address
	h.Set("Content-Security-Policy", ui.Policy)
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(f.Content))
	return nil
}
