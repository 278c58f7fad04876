package client_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/node/api/apitest"
)

// TestBackupAndRestore carries a state away and back.
func TestBackupAndRestore(t *testing.T) {
	b, c := start(t)
	if _, err := c.Command(t.Context(), "counter", []byte("add 41")); err != nil {
		t.Fatal(err)
	}
	var info client.BackupInfo
	var state []byte
	err := c.Backup(t.Context(), "counter", client.SnapshotExport, func(k client.BackupInfo, r io.Reader) (err error) {
		info = k
		state, err = io.ReadAll(r)
		return err
	})
	if err != nil || string(state) != "41" || info.Machine != "counter" || info.Form != client.SnapshotExport {
		t.Fatalf("%+v, %q, %v", info, state, err)
	}
	out, err := c.Restore(t.Context(), "again", info, bytes.NewReader(state))
	if err != nil || out.Machine != "again" || b.State("again") != "41" {
		t.Fatalf("%+v, %v", out, err)
	}
	_, err = c.Restore(t.Context(), "again", info, bytes.NewReader(state))
	wantCode(t, err, client.CodeMachineExists, client.NotApplied)
	// What breaks off on its way is no state.
	cut := errors.New("cut")
	if _, err = c.Restore(t.Context(), "other", info, io.MultiReader(strings.NewReader("4"), broken{cut})); err == nil {
		t.Error("a state that broke off was taken")
	}
	if b.Seen("Restore") != 2 {
		t.Errorf("%d states arrived whole, not 2", b.Seen("Restore"))
	}
	if err := c.Backup(t.Context(), "counter", client.SnapshotImage, func(client.BackupInfo, io.Reader) error { return cut }); !errors.Is(err, cut) {
		t.Errorf("who takes it fails with %v", err)
	}
	err = c.Backup(t.Context(), "nobody", client.SnapshotImage, func(client.BackupInfo, io.Reader) error { return nil })
	wantCode(t, err, client.CodeUnknownMachine, client.NotApplied)
}

// broken is a reader that fails.
type broken struct{ err error }

func (b broken) Read([]byte) (int, error) { return 0, b.err }

// TestFrames: content comes as it was sent, or ends with what was wrong.
func TestFrames(t *testing.T) {
	content := bytes.Repeat([]byte("wraft"), 200<<10)
	var whole bytes.Buffer
	w, err := client.NewFrameWriter(&whole, "about")
	if err != nil {
		t.Fatal(err)
	}
	if n, err := w.Write(content); n != len(content) || err != nil {
		t.Fatal(n, err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	read := func(data []byte) ([]byte, error) {
		var about string
		r, err := client.NewFrameReader(bytes.NewReader(data), &about)
		if err != nil {
			return nil, err
		}
		return io.ReadAll(r)
	}
	if got, err := read(whole.Bytes()); err != nil || !bytes.Equal(got, content) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	for _, at := range []int{0, 3, 8, 100, whole.Len() / 2, whole.Len() - 1} {
		_, err := read(whole.Bytes()[:at])
		wantCode(t, err, client.CodeBackupCut, client.NotApplied)
		bad := bytes.Clone(whole.Bytes())
		bad[at] ^= 0x40
		if _, err := read(bad); err == nil {
			t.Errorf("byte %d is another, and nothing was found", at)
		}
	}
	whole.Reset()
	w, _ = client.NewFrameWriter(&whole, "about")
	if err := w.Fail(client.NewProblem(client.CodeBackupForm, "why")); err != nil {
		t.Fatal(err)
	}
	_, err = read(whole.Bytes())
	wantCode(t, err, client.CodeBackupForm, client.NotApplied)
}

// FuzzFrames reads what strangers send: an error, or an end, and memory for one frame.
func FuzzFrames(f *testing.F) {
	var whole bytes.Buffer
	w, _ := client.NewFrameWriter(&whole, "about")
	fmt.Fprint(w, "content")
	_ = w.Close()
	f.Add(whole.Bytes())
	f.Fuzz(func(t *testing.T, data []byte) {
		var about any
		r, err := client.NewFrameReader(bytes.NewReader(data), &about)
		if err == nil {
			_, err = io.Copy(io.Discard, r)
		}
		var p *client.Problem
		if err != nil && !errors.As(err, &p) {
			t.Fatalf("%v is no problem", err)
		}
	})
}

// TestBackupMistakes are requests that no client of ours makes.
func TestBackupMistakes(t *testing.T) {
	b := apitest.New(nil)
	b.AddMachine("counter")
	s := apitest.Start(t, b, apitest.Options{NoClientAuth: true})
	plain := &http.Client{Transport: &http.Transport{TLSClientConfig: s.AnonymousTLS()}}
	defer plain.CloseIdleConnections()
	for _, m := range []struct{ method, path, kind, body, code string }{
		{"GET", "/v1/machines/counter/backup", "", "", "WRAFT-1001"},
		{"GET", "/v1/machines/counter/backup?form=memory", "", "", "WRAFT-1001"},
		{"PUT", "/v1/machines/other/backup", "text/plain", "x", "WRAFT-1006"},
		{"PUT", "/v1/machines/other/backup", client.FramesMediaType, "x", "WRAFT-6004"},
		{"PUT", "/v1/machines/other/backup", client.FramesMediaType, "\x00\x00\x00\x02{}", "WRAFT-1001"},
		{"GET", "/v1/modules/sha256:xyz", "", "", "WRAFT-1001"},
		{"GET", "/v1/modules/" + string(client.DigestOf(nil)), "", "", "WRAFT-2003"},
	} {
		req, err := http.NewRequestWithContext(t.Context(), m.method, "https://"+s.Address+m.path, strings.NewReader(m.body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", m.kind)
		res, err := plain.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		data, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if !strings.Contains(string(data), m.code) {
			t.Errorf("%s %s: %s, want %s", m.method, m.path, data, m.code)
		}
	}
}
