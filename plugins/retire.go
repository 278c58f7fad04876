package plugins

import (
	"context"
	"errors"
	"fmt"
	"io"
)

// Retired is what is left of an instance whose place another one has taken: its
// state, to be exported once more, and no copy to go back to. It belongs to one
// goroutine, which need not be that of the instance.
type Retired struct {
	guest *guest
	used  bool
}

// Retire ends the instance, as Close does, but for its state. Errors: what broke the
// instance; then nothing is left of it.
func (i *Instance) Retire(ctx context.Context) (*Retired, error) {
	if err := i.broken; err != nil {
		return nil, errors.Join(err, i.Close(ctx))
	}
	r := &Retired{guest: i.live}
	i.live = nil
	if err := i.Close(ctx); err != nil {
		return nil, errors.Join(err, r.Close(ctx))
	}
	return r, nil
}

// Export writes what Instance.Export would have written. It can be done once: what
// the guest changes in it stays.
func (r *Retired) Export(ctx context.Context, w io.Writer) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("plugins: %w", err)
	}
	if r.used {
		return fmt.Errorf("plugins: export a retired instance again: %w", ErrClosed)
	}
	r.used = true
	r.guest.prepare(domainSnapshot)
	return r.guest.export(w)
}

// Close frees what is left. It may be called again.
func (r *Retired) Close(ctx context.Context) error {
	err := r.guest.close(ctx)
	r.guest, r.used = nil, true
	return err
}
