package bundle

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/wraft/wraft/client"
)

// TestNodesThatDoNotAnswer are named with the reason, and one that is removed is not asked.
func TestNodesThatDoNotAnswer(t *testing.T) {
	info := client.ClusterInfo{Nodes: []client.NodeInfo{{ID: 1, API: "127.0.0.1:1"}, {ID: 2, API: "nowhere"}, {ID: 3, State: client.NodeRemoved}}}
	files, answered := Collect(t.Context(), info, func(address string) (*client.Client, error) {
		if address == "nowhere" {
			return nil, errors.New("no way there")
		}
		return client.New(client.Config{Endpoints: []string{address}, AttemptsMax: 1})
	})
	if answered != 0 || len(files) != 2 || files[0].Name != "nodes/1/errors.txt" || files[1].Name != "nodes/2/errors.txt" {
		t.Fatalf("%d answered: %+v", answered, files)
	}
	if string(files[1].Data) != "no way there\n" || bytes.Count(files[0].Data, []byte("\n")) != 1 || !bytes.Contains(files[0].Data, []byte(client.CodeUnreachable)) {
		t.Errorf("%s%s", files[0].Data, files[1].Data)
	}
}

func TestAnArchiveHasTheFiles(t *testing.T) {
	var out bytes.Buffer
	at := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	if err := Write(&out, "case", at, []File{{"a.txt", []byte("one")}, {"b/c.txt", nil}}); err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(&out)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for r := tar.NewReader(z); ; {
		head, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		if err != nil || head.Mode != 0o600 || !head.ModTime.Equal(at) {
			t.Errorf("%+v, %v", head, err)
		}
		got = append(got, head.Name, string(data))
	}
	if want := []string{"case/a.txt", "one", "case/b/c.txt", ""}; !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}
