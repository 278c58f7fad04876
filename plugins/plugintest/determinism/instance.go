package determinism

import (
	"context"
	"errors"
	"io"

	"github.com/wraft/wraft/plugins"
)

// machine is an instance in an engine of its own, so that a restart shares nothing
// with what was before.
type machine struct {
	engine   *plugins.Engine
	instance *plugins.Instance
}

// seed keys the randomness that guests ask for: the same for all replicas.
var seed = [32]byte{'d', 'e', 't'}

// start compiles an artefact, or takes it from the cache, and starts an instance: a
// new one, or one in the state of images.
func start(ctx context.Context, artefact []byte, cache string, images ...io.Reader) (*machine, error) {
	e, err := plugins.NewEngine(plugins.Config{Limits: Limits, CacheDir: cache})
	if err != nil {
		return nil, err
	}
	m := &machine{engine: e}
	module, err := e.Load(ctx, artefact)
	config := plugins.InstanceConfig{Seed: seed, Limits: Limits, Created: plugins.Moment{Index: 0}}
	switch {
	case err != nil:
	case len(images) > 0:
		m.instance, err = e.Restore(ctx, module, config, images...)
	default:
		m.instance, err = e.NewInstance(ctx, module, config)
	}
	if err != nil {
		return nil, errors.Join(err, e.Close(ctx))
	}
	return m, nil
}

func (m *machine) close(ctx context.Context) error {
	return errors.Join(m.instance.Close(ctx), m.engine.Close(ctx))
}
