package nodetest_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/wraft/wraft/node"
	"github.com/wraft/wraft/plugins"
)

// adder is a machine: a command is a number to add, answers and queries are the sum.
// As of a module, its memory is not that of one which took its state over, and replicas
// compare that.
type adder struct {
	sum     uint64
	renewed uint64 // the entry at which it took its state over; 0: it began by itself
	ballast int    // bytes that its snapshots have besides
}

var (
	_ node.Upgradable  = (*adder)(nil)
	_ node.StateHasher = (*adder)(nil)
)

func (a *adder) Apply(_ context.Context, _ plugins.Moment, commands [][]byte) ([]plugins.Result, error) {
	var out []plugins.Result
	for _, c := range commands {
		a.sum += uint64(len(c))
		out = append(out, plugins.Result{Data: binary.BigEndian.AppendUint64(nil, a.sum)})
	}
	return out, nil
}

func (a *adder) Query(context.Context, []byte) (plugins.Result, error) {
	return plugins.Result{Data: binary.BigEndian.AppendUint64(nil, a.sum)}, nil
}

// Export writes the sum, and so much besides that it takes several chunks.
func (a *adder) Export(_ context.Context, w io.Writer) error {
	_, err := w.Write(binary.BigEndian.AppendUint64(nil, a.sum))
	for rest := ballast(a.sum, a.ballast); err == nil && len(rest) > 0; {
		n := min(len(rest), 64<<10)
		_, err = w.Write(rest[:n])
		rest = rest[n:]
	}
	return err
}

// Import reads what Export wrote.
func (a *adder) Import(_ context.Context, at plugins.Moment, r io.Reader, _ uint32) error {
	a.renewed = at.Index
	return a.load(r)
}

func (a *adder) load(r io.Reader) error {
	if err := binary.Read(r, binary.BigEndian, &a.sum); err != nil {
		return err
	}
	rest, err := io.ReadAll(r)
	if err == nil && !bytes.Equal(rest, ballast(a.sum, a.ballast)) {
		err = node.ErrSnapshotState
	}
	return err
}

func (a *adder) Version(context.Context) (uint32, error) { return 0, nil }
func (a *adder) Clock() int64                            { return 0 }
func (a *adder) Close(context.Context) error             { return nil }

// StateHash implements node.StateHasher.
func (a *adder) StateHash() (plugins.StateHash, error) {
	return plugins.StateHash(binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, a.renewed), a.sum)), nil
}

// Record implements node.Recorder.
func (a *adder) Record() (node.Recorded, error) { return recordedSum(*a), nil }

type recordedSum adder

// WriteTo writes what Export does, and what only an image has.
func (r recordedSum) WriteTo(w io.Writer) (int64, error) {
	if _, err := w.Write(binary.BigEndian.AppendUint64(nil, r.renewed)); err != nil {
		return 0, err
	}
	a := adder(r)
	return 0, a.Export(context.Background(), w)
}

// Close does nothing.
func (recordedSum) Close() {}

// ballast is what makes snapshots of adders large: it cannot be compressed.
func ballast(seed uint64, bytes int) []byte {
	out := make([]byte, bytes)
	_, _ = rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)}).Read(out) // it never fails
	return out
}

// adders opens every module as an adder.
type adders struct{ ballast int }

func (adders) Check(context.Context, []byte) error { return nil }
func (adders) Prepare(_ context.Context, module []byte, _ node.MachineLimits) (node.Prepared, error) {
	return node.Prepared{Artefact: append([]byte("artefact of "), module...)}, nil
}
func (adders) Verify(context.Context, []byte, []byte) error { return nil }
func (o adders) Open(context.Context, []byte, node.OpenConfig) (node.Machine, error) {
	return &adder{ballast: o.ballast}, nil
}

// Restore implements node.MachineRestorer.
func (o adders) Restore(_ context.Context, _ []byte, _ node.OpenConfig, parts ...io.Reader) (node.Machine, error) {
	a := &adder{ballast: o.ballast}
	return a, errors.Join(binary.Read(parts[0], binary.BigEndian, &a.renewed), a.load(parts[0]))
}

// inBothModes runs a test with snapshots of images and with snapshots of exports.
func inBothModes(t *testing.T, test func(t *testing.T, mode node.SnapshotMode)) {
	for _, mode := range []node.SnapshotMode{node.SnapshotImage, node.SnapshotExport} {
		t.Run(mode.String(), func(t *testing.T) { test(t, mode) })
	}
}
