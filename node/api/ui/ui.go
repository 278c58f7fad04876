package ui

import (
	"crypto/sha256"
	"embed"
	"fmt"
	"mime"
	"path"
)

// Index is the name of the page itself among the files.
const Index = "index.html"

// Policy is the Content-Security-Policy of every file: scripts, styles, pictures and data
// come from the node that served the page, nothing is inline, nobody frames it.
const Policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

//go:embed page
var page embed.FS

// File is one file of the page.
type File struct {
	Content []byte
	// Type is the media type, ETag the quoted hash of the content (RFC 9110 §8.8.3).
	Type, ETag string
}

// files are all files by name.
var files = load()

// Lookup returns a file by its name, such as Index.
func Lookup(name string) (File, bool) {
	f, ok := files[name]
	return f, ok
}

// Why not mime.TypeByExtension: it reads what the operating system has set, and a browser
// runs no script that a system calls text.
var types = map[string]string{".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}

func load() map[string]File {
	out := map[string]File{}
	entries, err := page.ReadDir("page")
	if err != nil {
		panic(fmt.Sprintf("ui: embedded files: %v", err))
	}
	for _, e := range entries {
		content, err := page.ReadFile(path.Join("page", e.Name()))
		kind, ok := types[path.Ext(e.Name())]
		if err != nil || !ok {
			panic(fmt.Sprintf("ui: embedded file %s: no media type, or %v", e.Name(), err))
		}
		kind = mime.FormatMediaType(kind, map[string]string{"charset": "utf-8"})
		out[e.Name()] = File{Content: content, Type: kind, ETag: fmt.Sprintf(`"%x"`, sha256.Sum256(content))}
	}
	return out
}
