package sdk

import (
	"archive/zip"
	"bytes"
	_ "embed" // the archive
	"io/fs"
)

//go:embed go.zip
var goArchive []byte

// The folders in the archive.
const (
	archiveLibrary  = "library"
	archiveTemplate = "template"
)

func init() {
	kits["go"] = func() (Kit, error) {
		files, err := zip.NewReader(bytes.NewReader(goArchive), int64(len(goArchive)))
		if err != nil {
			return Kit{}, err
		}
		library, err := fs.Sub(files, archiveLibrary)
		if err != nil {
			return Kit{}, err
		}
		template, err := fs.Sub(files, archiveTemplate)
		return Kit{Library: []fs.FS{library}, Template: template}, err
	}
}
