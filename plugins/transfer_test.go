package plugins_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/wraft/wraft/internal/wasmtest"
	"github.com/wraft/wraft/plugins"
)

func TestExportAndImport(t *testing.T) {
	ctx := context.Background()
	a := start(t, shared, wasmtest.KV(t), plugins.InstanceConfig{})
	var commands [][]byte
	for k := range 500 {
		commands = append(commands, cborPut(strings.Repeat("k", 1+k%200)+string(rune('a'+k%26)), bytes.Repeat([]byte{byte(k)}, k%200)))
	}
	if _, err := a.Apply(ctx, plugins.Moment{Index: 1}, commands); err != nil {
		t.Fatal(err)
	}
	var exported bytes.Buffer
	if err := a.Export(ctx, &exported); err != nil {
		t.Fatal(err)
	}
	want, err := a.ExportDigest(ctx)
	if err != nil {
		t.Fatal(err)
	}
	// However the bytes arrive, the guest must see the same chunks.
	var hashes []plugins.StateHash
	for _, r := range []io.Reader{
		bytes.NewReader(exported.Bytes()),
		iotest.OneByteReader(bytes.NewReader(exported.Bytes())),
		iotest.DataErrReader(bytes.NewReader(exported.Bytes())),
	} {
		b := start(t, shared, wasmtest.KV(t), plugins.InstanceConfig{})
		if err := b.Import(ctx, plugins.Moment{Index: 2}, r, 0); err != nil {
			t.Fatal(err)
		}
		got, err := b.ExportDigest(ctx)
		if err != nil || got != want {
			t.Fatalf("digest %x, %v, want %x", got, err, want)
		}
		hashes = append(hashes, stateHash(t, b))
	}
	if hashes[0] != hashes[1] || hashes[0] != hashes[2] {
		t.Error("the state depends on how a reader cuts its chunks")
	}
}

func TestExportFailures(t *testing.T) {
	ctx := context.Background()
	for command, want := range map[string]plugins.GuestError{
		"add 13": {Export: "wraft_snapshot", Status: 13, Text: "unlucky"},
		"add 14": {Export: "wraft_snapshot", Status: plugins.StatusTrap, Text: "unreachable: panic: snapshot of 14"},
		"add 15": {Export: "wraft_snapshot", Status: plugins.StatusLimits, Text: "more than 3145728 bytes were written"},
	} {
		i := start(t, shared, wasmtest.Slow(t), plugins.InstanceConfig{Limits: plugins.Limits{ExportBytesMax: 3 << 20}})
		apply(t, i, 1, command)
		before := stateHash(t, i)
		for range 2 {
			err := i.Export(ctx, io.Discard)
			var got *plugins.GuestError
			if !errors.As(err, &got) || *got != want {
				t.Errorf("%s: got %v, want %v", command, err, &want)
			}
		}
		if stateHash(t, i) != before {
			t.Errorf("%s: the failed export left a trace", command)
		}
		apply(t, i, 2, "add 100")
		if err := i.Export(ctx, io.Discard); err != nil {
			t.Errorf("%s: a later export fails: %v", command, err)
		}
	}
}

type brokenWriter struct{}

var errDisk = errors.New("disk on fire")

func (brokenWriter) Write([]byte) (int, error) { return 0, errDisk }

func TestBrokenStreamsAreNotTheGuestsFault(t *testing.T) {
	ctx := context.Background()
	i := start(t, shared, wasmtest.Slow(t), plugins.InstanceConfig{})
	apply(t, i, 1, "add 3")
	before := stateHash(t, i)
	var guest *plugins.GuestError
	if err := i.Export(ctx, brokenWriter{}); !errors.Is(err, errDisk) || errors.As(err, &guest) {
		t.Errorf("export: %v", err)
	}
	if err := i.Import(ctx, plugins.Moment{Index: 2}, iotest.ErrReader(errDisk), 0); !errors.Is(err, errDisk) || errors.As(err, &guest) {
		t.Errorf("import: %v", err)
	}
	if stateHash(t, i) != before {
		t.Error("broken streams left a trace")
	}
}

func TestImportFailuresRollBack(t *testing.T) {
	ctx := context.Background()
	i := start(t, shared, wasmtest.Slow(t), plugins.InstanceConfig{})
	apply(t, i, 1, "add 3")
	before := stateHash(t, i)
	for text, status := range map[string]int32{"13": 13, "14": plugins.StatusTrap, "no number": 1} {
		err := i.Import(ctx, plugins.Moment{Index: 2}, strings.NewReader(text), 0)
		var guest *plugins.GuestError
		if !errors.As(err, &guest) || guest.Status != status {
			t.Errorf("%s: got %v, want status %d", text, err, status)
		}
		if stateHash(t, i) != before {
			t.Errorf("%s: the failed import left a trace", text)
		}
	}
	if err := i.Import(ctx, plugins.Moment{Index: 3}, strings.NewReader("40"), 2); err != nil {
		t.Fatal(err)
	}
	if got := apply(t, i, 4, "get", "panic x", "get"); got[0] != "0 42" || got[2] != "0 42" {
		t.Errorf("after an import: %q", got)
	}
}
