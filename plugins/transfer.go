package plugins

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"

	"github.com/wraft/wraft/plugins/abi"
)

// Export writes the machine's state as the module itself describes it (its
// snapshot export): portable between versions of the module, and equal on
// every replica if the author writes it in a fixed order. It is undone, so it
// changes nothing; Fork.Export does the same beside the instance. Errors:
// *GuestError, or trouble of w or of this host.
func (i *Instance) Export(ctx context.Context, w io.Writer) error {
	if err := i.settled(ctx); err != nil {
		return err
	}
	return i.visit(domainSnapshot, func(g *guest) error { return g.export(w) })
}

// export runs the snapshot export.
func (g *guest) export(w io.Writer) error {
	g.host.sink, g.host.left, g.host.stream = w, g.host.limits.ExportBytesMax, nil
	err := finish(g, abi.ExportSnapshot, g.call(g.snapshot))
	g.host.sink = nil
	return err
}

// ExportDigest returns the SHA-256 of what Export writes: the figure by which
// people compare replicas.
func (i *Instance) ExportDigest(ctx context.Context) ([32]byte, error) {
	h := sha256.New()
	if err := i.Export(ctx, h); err != nil {
		return [32]byte{}, err
	}
	return [32]byte(h.Sum(nil)), nil
}

// Import gives the module a state that an Export wrote, by the module of the
// given version (which the author numbers; 0 is the same module). at is the
// entry that orders it. When the guest refuses or traps, the machine's state
// is what it was before, and the error is a *GuestError; an error of r leaves
// the state alone as well.
func (i *Instance) Import(ctx context.Context, at Moment, r io.Reader, fromVersion uint32) error {
	if err := i.settled(ctx); err != nil {
		return err
	}
	g := i.live
	g.host.begin(at, domainRestore, 0)
	l := i.config.Limits
	g.host.meter.fill(l.callFuel(l.MemoryBytesMax), l.StackBytesMax)
	g.host.source, g.host.stream, g.host.left = r, nil, 0
	err := finish(g, abi.ExportRestore, g.call(g.restore, uint64(fromVersion)))
	g.host.source = nil
	i.logOutput(g)
	if err == nil {
		i.checkpoint()
		return nil
	}
	if undo := i.rollback(); undo != nil {
		return errors.Join(err, i.breakWith(undo))
	}
	return err
}

// finish turns what a streaming export returned into an error.
func finish(g *guest, export string, err error) error {
	if g.host.stream != nil {
		return fmt.Errorf("plugins: %s: %w", export, g.host.stream)
	}
	if err != nil {
		return guestError(export, err)
	}
	if g.host.left < 0 {
		return &GuestError{Export: export, Status: StatusLimits, Text: fmt.Sprintf("more than %d bytes were written", g.host.limits.ExportBytesMax)}
	}
	status := int32(uint32(g.stack[0]))
	if status == abi.StatusOK {
		return nil
	}
	text := g.host.failure
	if text == "" {
		text = "no reason given"
	}
	if status < 0 {
		return &GuestError{Export: export, Status: StatusMalformed, Text: fmt.Sprintf("status %d belongs to the host: %s", status, text)}
	}
	return &GuestError{Export: export, Status: status, Text: text}
}

// readFull fills b unless the stream ends before; the end is no error.
func readFull(r io.Reader, b []byte) (int, error) {
	n, err := io.ReadFull(r, b)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return n, nil
	}
	if err != nil {
		return n, fmt.Errorf("read the state to restore: %w", err)
	}
	return n, nil
}
