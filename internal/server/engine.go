package server

import (
	"context"
	"fmt"
	"sync"

	"github.com/wraft/wraft/plugins"
)

// engines are the plugin engines of this process by the folder of their compiled
// code. Why shared: a folder serves one engine at a time, and the nodes of a
// wraftd dev cluster should compile a module once and not once each.
var engines = engineTable{open: map[string]*sharedEngine{}}

type engineTable struct {
	mu   sync.Mutex // guards open
	open map[string]*sharedEngine
}

type sharedEngine struct {
	engine *plugins.Engine
	users  int
}

// acquire opens the engine of a folder, or joins those who use it already, whatever
// their configuration. The caller calls release once.
func (t *engineTable) acquire(dir string, c plugins.Config) (engine *plugins.Engine, release func() error, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.open[dir]
	if s == nil {
		c.CacheDir = dir
		e, err := plugins.NewEngine(c)
		if err != nil {
			return nil, nil, fmt.Errorf("server: open plugin engine: %w", err)
		}
		s = &sharedEngine{engine: e}
		t.open[dir] = s
	}
	s.users++
	return s.engine, func() error { return t.release(dir) }, nil
}

func (t *engineTable) release(dir string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.open[dir]
	if s.users--; s.users > 0 {
		return nil
	}
	delete(t.open, dir)
	return s.engine.Close(context.Background())
}
