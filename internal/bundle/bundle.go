package bundle

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/wraft/wraft/client"
)

// File is one file of a bundle. Name has slashes.
type File struct {
	Name string
	Data []byte
}

// item is what every node is asked for.
type item struct{ file, path, query string }

// items are in the order of the archive. Profiles are for admins: who is none gets the rest.
var items = []item{
	{"cluster.json", "/v1/cluster", ""},
	{"machines.json", "/v1/machines", ""},
	{"readyz.txt", "/readyz", "verbose"},
	{"metrics.txt", "/metrics", ""},
	{"goroutines.txt", "/debug/pprof/goroutine", "debug=2"},
	{"heap.pprof", "/debug/pprof/heap", ""},
}

// Collect asks all nodes of a cluster that are not removed, each at its own address. What a
// node does not answer is in its errors.txt. answered counts those that gave anything.
func Collect(ctx context.Context, info client.ClusterInfo, dial func(address string) (*client.Client, error)) (files []File, answered int) {
	each := make([][]File, len(info.Nodes))
	var asked sync.WaitGroup
	for i, n := range info.Nodes {
		if n.State != client.NodeRemoved {
			asked.Go(func() { each[i] = ofNode(ctx, n, dial) })
		}
	}
	asked.Wait()
	for _, list := range each {
		if len(list) > 1 || len(list) == 1 && path.Base(list[0].Name) != errorsFile {
			answered++
		}
		files = append(files, list...)
	}
	return files, answered
}

// errorsFile says what a node did not give, and why.
const errorsFile = "errors.txt"

func ofNode(ctx context.Context, n client.NodeInfo, dial func(string) (*client.Client, error)) (files []File) {
	dir := path.Join("nodes", n.ID.String())
	var failed []string
	cl, err := dial(n.API)
	if err != nil {
		return []File{{path.Join(dir, errorsFile), []byte(err.Error() + "\n")}}
	}
	defer cl.Close()
	for _, it := range items {
		page, err := cl.Page(ctx, it.path, it.query)
		if err != nil {
			failed = append(failed, fmt.Sprintf("%s: %v\n", it.path, err))
			if errors.Is(err, client.ErrUnavailable) {
				break // Why: it would only be asked in vain again
			}
			continue
		}
		files = append(files, File{path.Join(dir, it.file), page.Body})
	}
	if len(failed) > 0 {
		files = append(files, File{path.Join(dir, errorsFile), []byte(strings.Join(failed, ""))})
	}
	return files
}

// Write makes a .tar.gz of files, below a folder of its own.
func Write(w io.Writer, folder string, at time.Time, files []File) error {
	z := gzip.NewWriter(w)
	t := tar.NewWriter(z)
	for _, f := range files {
		head := &tar.Header{Name: path.Join(folder, f.Name), Mode: 0o600, Size: int64(len(f.Data)), ModTime: at, Format: tar.FormatPAX}
		if err := t.WriteHeader(head); err != nil {
			return fmt.Errorf("bundle: %w", err)
		}
		if _, err := t.Write(f.Data); err != nil {
			return fmt.Errorf("bundle: %w", err)
		}
	}
	if err := errors.Join(t.Close(), z.Close()); err != nil {
		return fmt.Errorf("bundle: %w", err)
	}
	return nil
}
