package plugins

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/wraft/wraft/plugins/wasm"
)

// Config describes an Engine.
type Config struct {
	// CacheDir keeps compiled code between runs. It is created with mode 0700
	// and refused if others may write there, since what lies in it is executed.
	// It serves one Engine at a time and may be deleted while there is none.
	// Empty: no cache on disk.
	CacheDir string
	// Compiler compiles what is not in the cache, in another process. nil: the
	// engine does, in this one, where nothing can stop it. Needs a CacheDir.
	Compiler Compiler
	// Logger gets what operators should see. Default: discard.
	Logger *slog.Logger
	// Limits bounds modules, and instances whose configuration has none.
	Limits Limits
	// ForkBytesMax bounds the memory of all forks of instances together, each
	// counted with its machine's limit; see Fork. Default 1 GiB.
	ForkBytesMax int64
}

func (c Config) withDefaults() Config {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	c.Limits = c.Limits.withDefaults()
	setDefault(&c.ForkBytesMax, gib)
	return c
}

// Validate reports everything that is wrong with the configuration.
func (c Config) Validate() error {
	if c.Compiler != nil && c.CacheDir == "" {
		return errors.Join(errNoCache, c.Limits.Validate())
	}
	return c.Limits.Validate()
}

var errNoCache = errors.New("plugins: a Compiler needs a CacheDir to leave its code in")

// Engine compiles modules and owns the compiled code. Safe for concurrent use.
type Engine struct {
	config  Config
	runtime wazero.Runtime
	cache   *codeCache // nil without CacheDir
	forks   forkBudget

	// turn is held by whoever compiles: one at a time, since compiling takes a
	// core and up to hundreds of megabytes. It guards modules and closed. It is
	// a channel and not a mutex so that waiting ends with a context.
	turn    chan struct{}
	modules map[[32]byte]*Module // by the digest of the artefact
	sources map[[32]byte]*Module // by the digest of the module that Compile was given
	closed  bool
}

// NewEngine starts an engine. Errors: an invalid configuration, a cache
// directory that can't be used, ErrPlatform.
func NewEngine(c Config) (*Engine, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	e := &Engine{config: c.withDefaults(), turn: make(chan struct{}, 1), modules: map[[32]byte]*Module{}, sources: map[[32]byte]*Module{}}
	e.forks.bytesMax, e.forks.outMax = e.config.ForkBytesMax, forksOutMax()
	if err := e.start(context.Background()); err != nil {
		return nil, err
	}
	return e, nil
}

// start opens the cache and the runtime. The compiler panics where it has no
// back end; that is the one panic of the engine turned into an error here.
func (e *Engine) start(ctx context.Context) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %v", ErrPlatform, p)
		}
	}()
	rc := wazero.NewRuntimeConfigCompiler().
		WithCoreFeatures(api.CoreFeaturesV2.SetEnabled(api.CoreFeatureSIMD, false)).
		WithDebugInfoEnabled(false).
		WithCloseOnContextDone(false)
	if e.config.CacheDir != "" {
		if e.cache, err = openCache(e.config.CacheDir); err != nil {
			return err
		}
		rc = rc.WithCompilationCache(e.cache.engine)
	}
	e.runtime = wazero.NewRuntimeWithConfig(ctx, rc)
	if err := registerHost(ctx, e.runtime); err != nil {
		return errors.Join(fmt.Errorf("plugins: register host functions: %w", err), e.shutdown(ctx))
	}
	return nil
}

// Compile prepares and loads in one go, for who has a module and no artefact yet.
// The same bytes give the same Module. Errors: those of Prepare and Load.
func (e *Engine) Compile(ctx context.Context, source []byte) (*Module, error) {
	if err := e.lock(ctx); err != nil {
		return nil, err
	}
	defer e.unlock()
	digest := sha256.Sum256(source)
	if m, ok := e.sources[digest]; ok {
		return m, nil
	}
	a, err := Prepare(source, e.config.Limits)
	if err != nil {
		return nil, err
	}
	m, err := e.load(ctx, a)
	if err != nil {
		return nil, err
	}
	e.sources[digest] = m
	return m, nil
}

// Load checks an artefact and compiles it as it is. The same bytes give the same
// Module. A context that ends stops the waiting for other compilations but not the
// compiler itself. Errors: those of ReadArtefact, *RefusedError when its code does
// not pass the type check, *CompilerError, ErrClosed, or trouble of this host.
func (e *Engine) Load(ctx context.Context, artefact []byte) (*Module, error) {
	// Why first: a node may run hundreds of machines of one module, and reading an
	// artefact of some megabytes takes a tenth of a second.
	if m, err := e.loaded(ctx, sha256.Sum256(artefact)); m != nil || err != nil {
		return m, err
	}
	a, err := ReadArtefact(artefact)
	if err != nil {
		return nil, err
	}
	if err := e.lock(ctx); err != nil {
		return nil, err
	}
	defer e.unlock()
	return e.load(ctx, a)
}

// loaded is the module of an artefact that was loaded before, or nil.
func (e *Engine) loaded(ctx context.Context, artefact [32]byte) (*Module, error) {
	if err := e.lock(ctx); err != nil {
		return nil, err
	}
	defer e.unlock()
	return e.modules[artefact], nil
}

// load compiles an artefact unless that was done before; e is locked.
func (e *Engine) load(ctx context.Context, a *Artefact) (*Module, error) {
	if m, ok := e.modules[a.Digest]; ok {
		return m, nil
	}
	if err := e.compileElsewhere(ctx, a); err != nil {
		return nil, err
	}
	compiled, err := e.compileCached(ctx, a)
	if err != nil {
		return nil, err
	}
	m := &Module{engine: e, artefact: a, semantics: hostServed[a.Host], compiled: compiled, globals: a.globals}
	e.modules[a.Digest] = m
	return m, nil
}

// compileCached compiles and, when the cache turns out to be damaged, clears
// it and compiles again: a cache must never be the reason for a refusal.
func (e *Engine) compileCached(ctx context.Context, a *Artefact) (wazero.CompiledModule, error) {
	compiled, err := e.compile(ctx, a.Binary)
	if e.cache == nil {
		return compiled, err
	}
	if err != nil && isCacheError(err) {
		e.config.Logger.Warn("the cache of compiled code is damaged; clearing it", "directory", e.config.CacheDir, "error", err)
		if err := e.cache.clear(); err != nil {
			return nil, fmt.Errorf("plugins: clear the code cache: %w", err)
		}
		if err := e.compileElsewhere(ctx, a); err != nil {
			return nil, err
		}
		compiled, err = e.compile(ctx, a.Binary)
	}
	if err != nil {
		return nil, err
	}
	fresh, err := e.cache.seal()
	if err != nil { // the next start compiles again
		e.config.Logger.Warn("compiled code is not kept in the cache", "directory", e.config.CacheDir, "error", err)
	}
	if fresh > 0 && e.config.Compiler != nil {
		e.config.Logger.Warn("a module was compiled in this process: the compiler's code does not suit it", "directory", e.config.CacheDir)
	}
	return compiled, nil
}

// compile runs the engine's type check and its compiler. A panic in there is
// a fault of the engine met by an unusual module: the module is refused, and
// the process lives on.
func (e *Engine) compile(ctx context.Context, binary []byte) (m wazero.CompiledModule, err error) {
	defer func() {
		if p := recover(); p != nil {
			m, err = nil, typeRefusal(fmt.Sprintf("the compiler gave up: %v", p))
		}
	}()
	m, err = e.runtime.CompileModule(context.WithoutCancel(ctx), binary)
	switch {
	case err == nil:
		return m, nil
	case isCacheError(err):
		return nil, fmt.Errorf("plugins: compile: %w", err)
	}
	return nil, typeRefusal(err.Error())
}

func typeRefusal(why string) *RefusedError {
	why, _, _ = strings.Cut(why, "\n")
	return &RefusedError{Rule: string(wasm.RuleType), What: "the module does not pass the type check", Why: why,
		Hint: "rebuild it with an unmodified toolchain", Function: wasm.NoFunction}
}

func (e *Engine) lock(ctx context.Context) error {
	select {
	case e.turn <- struct{}{}:
	case <-ctx.Done():
		return fmt.Errorf("plugins: wait for the compiler: %w", ctx.Err())
	}
	if e.closed {
		e.unlock()
		return fmt.Errorf("plugins: engine: %w", ErrClosed)
	}
	return nil
}

func (e *Engine) unlock() { <-e.turn }

// Close frees all compiled code. Close every Instance before.
func (e *Engine) Close(ctx context.Context) error {
	if err := e.lock(ctx); err != nil {
		return err
	}
	defer e.unlock()
	e.closed = true
	var errs []error
	for _, m := range e.modules {
		errs = append(errs, m.close(ctx))
	}
	clear(e.modules)
	clear(e.sources)
	return errors.Join(append(errs, e.shutdown(ctx))...)
}

func (e *Engine) shutdown(ctx context.Context) error {
	err := e.runtime.Close(ctx)
	if e.cache != nil {
		err = errors.Join(err, e.cache.engine.Close(ctx))
	}
	return err
}
