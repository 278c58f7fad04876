package spec

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/wraft/wraft/plugins/abi"
	"github.com/wraft/wraft/plugins/plugintest/bare"
)

// World runs rewritten modules. Package bare has the engine's own; the runtime's
// tests play the suite in theirs.
type World interface {
	// Start starts a module and runs nothing of it. name is what others import it
	// by. A world that can't start it answers with ErrLeftOut.
	Start(ctx context.Context, binary []byte, name string) (Guest, error)
	// Compile says whether a module passes: nil, or why not. ErrLeftOut is no answer.
	Compile(ctx context.Context, binary []byte) error
	// Close ends all guests.
	Close(ctx context.Context) error
}

// Guest is a running module of a World.
type Guest interface {
	// Invoke calls an export. A trap is an outcome.
	Invoke(ctx context.Context, name string, args ...uint64) (bare.Outcome, error)
	// Memory is what the guest sees as its memory, by the name of its export.
	Memory(export string) []byte
	// Global reads an exported global.
	Global(name string) (t abi.ValueType, bits uint64, ok bool)
	// Shift is how many bytes the pass keeps before the guest's own memory.
	Shift() uint32
}

// ErrLeftOut says that a world does not take a module, though the validator does.
// What it wraps is the reason in the report.
var ErrLeftOut = errors.New("spec: left out")

// engine is a world of package bare that has the module "spectest".
type engine struct{ *bare.World }

func newEngine(ctx context.Context, folder string, rewritten bool) (*engine, error) {
	host, err := os.ReadFile(filepath.Join(folder, hostModuleFile))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoSuite, err)
	}
	e := &engine{bare.NewWorld(ctx, bare.Config{Rewritten: rewritten})}
	if err := e.Provide(ctx, host); err != nil {
		return nil, errors.Join(fmt.Errorf("spec: the module spectest: %w", err), e.Close(ctx))
	}
	return e, nil
}

// Start implements World.
func (e *engine) Start(ctx context.Context, binary []byte, name string) (Guest, error) {
	return e.World.Start(ctx, binary, name)
}

// begin starts a module and calls its start function. A trap in there is in the
// outcome.
func begin(ctx context.Context, w World, a *adapted, name string) (Guest, bare.Outcome, error) {
	g, err := w.Start(ctx, a.binary, name)
	if err != nil || !a.started {
		return g, bare.Outcome{}, err
	}
	o, err := g.Invoke(ctx, exportStart)
	return g, o, err
}

// sameState compares what two guests hold.
func sameState(a *adapted, x, y Guest) error {
	for _, name := range a.globals {
		t, written, _ := x.Global(name)
		_, remade, ok := y.Global(name)
		if !ok || !bare.EqualNaN(t, written, remade) {
			return fmt.Errorf("%s is %#x as written, %#x rewritten", name, written, remade)
		}
	}
	if !a.memory {
		return nil
	}
	written, remade := x.Memory(exportMemory), y.Memory(exportMemory)
	if len(written) != len(remade) {
		return fmt.Errorf("memory has %d bytes as written, %d rewritten", len(written), len(remade))
	}
	if bytes.Equal(written, remade) {
		return nil
	}
	for i := range written {
		if written[i] != remade[i] {
			return fmt.Errorf("memory at %#x is %#02x as written, %#02x rewritten", i, written[i], remade[i])
		}
	}
	return nil
}
