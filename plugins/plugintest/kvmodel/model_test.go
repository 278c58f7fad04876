package kvmodel_test

import (
	"bytes"
	"context"
	"testing"

	"github.com/wraft/wraft/internal/wasmtest"
	"github.com/wraft/wraft/plugins"
	"github.com/wraft/wraft/plugins/plugintest/kvmodel"
)

// TestModelAgreesWithTheExample applies a corpus to the example in Go and to the
// model.
func TestModelAgreesWithTheExample(t *testing.T) {
	ctx := context.Background()
	e, err := plugins.NewEngine(plugins.Config{})
	if err != nil {
		t.Fatal(err)
	}
	m, err := e.Compile(ctx, wasmtest.KV(t))
	if err != nil {
		t.Fatal(err)
	}
	i, err := e.NewInstance(ctx, m, plugins.InstanceConfig{})
	if err != nil {
		t.Fatal(err)
	}
	corpus, store := kvmodel.NewCorpus(1), kvmodel.NewStore()
	seen := map[int32]int{}
	for index := range uint64(3000) {
		step := corpus.Step()
		status, answer := store.ApplyStep(step)
		got, err := i.Apply(ctx, plugins.Moment{Index: index}, [][]byte{step.Bytes})
		if err != nil {
			t.Fatal(err)
		}
		if got[0].Status != status || !bytes.Equal(got[0].Data, answer) {
			t.Fatalf("%s %q (%x): %d %q, want %d %q", step.Request.Operation, step.Request.Key, step.Bytes, got[0].Status, got[0].Data, status, answer)
		}
		seen[status]++
	}
	for _, status := range []int32{0, kvmodel.StatusNotCommand, kvmodel.StatusUnknown, kvmodel.StatusTooLarge} {
		if seen[status] == 0 {
			t.Errorf("no command had status %d", status)
		}
	}
	var export bytes.Buffer
	if err := i.Export(ctx, &export); err != nil || !bytes.Equal(export.Bytes(), store.Export()) {
		t.Errorf("export of %d bytes, want %d, %v", export.Len(), len(store.Export()), err)
	}
	if n := store.Len(); n < 100 {
		t.Errorf("the store has only %d pairs", n)
	}
}
