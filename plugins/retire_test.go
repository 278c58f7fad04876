package plugins_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"

	"github.com/wraft/wraft/internal/wasmtest"
	"github.com/wraft/wraft/plugins"
)

// TestRetiredInstanceExportsOnce: what is left of an instance writes what the instance
// wrote, once, on another goroutine; the instance and what was taken of it are closed,
// but for a fork that is out, which ends by itself.
func TestRetiredInstanceExportsOnce(t *testing.T) {
	ctx := context.Background()
	i := start(t, shared, wasmtest.KV(t), plugins.InstanceConfig{})
	for n := range 40 {
		if _, err := i.Apply(ctx, plugins.Moment{Index: uint64(n + 1)}, [][]byte{cborPut(string(rune('a'+n)), bytes.Repeat([]byte{byte(n)}, n))}); err != nil {
			t.Fatal(err)
		}
	}
	var want, got, again bytes.Buffer
	if err := i.Export(ctx, &want); err != nil {
		t.Fatal(err)
	}
	f := fork(t, i)
	ready(t, f, 1<<30)
	c, err := i.Capture(plugins.StateHash{})
	if err != nil {
		t.Fatal(err)
	}
	r, err := i.Retire(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := i.StateHash(); !errors.Is(err, plugins.ErrClosed) {
		t.Errorf("the instance goes on: %v", err)
	}
	if _, err := c.WriteTo(io.Discard); !errors.Is(err, plugins.ErrClosed) {
		t.Errorf("a capture goes on: %v", err)
	}
	done := make(chan error)
	go func() { done <- r.Export(ctx, &got) }()
	if err := f.Export(&again); err != nil {
		t.Errorf("a fork that is out: %v", err)
	}
	if err := <-done; err != nil || !bytes.Equal(got.Bytes(), want.Bytes()) || !bytes.Equal(again.Bytes(), want.Bytes()) {
		t.Errorf("%d bytes, the fork %d, want %d: %v", got.Len(), again.Len(), want.Len(), err)
	}
	released(t, f)
	if err := r.Export(ctx, io.Discard); !errors.Is(err, plugins.ErrClosed) {
		t.Errorf("a second export: %v", err)
	}
	for range 2 {
		if err := errors.Join(r.Close(ctx), i.Close(ctx)); err != nil {
			t.Error(err)
		}
	}
	if _, err := i.Retire(ctx); !errors.Is(err, plugins.ErrClosed) {
		t.Errorf("retired again: %v", err)
	}
}
