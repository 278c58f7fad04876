package plugins

import (
	"context"
	"errors"
	"fmt"

	"github.com/wraft/wraft/plugins/wasm"
)

// Compiler compiles in another place than the Engine's own process, where it can
// be stopped.
type Compiler interface {
	// Compile fills dir, an empty folder, with the compiled code of an artefact; it
	// keeps neither. CompileTo is what it is to run there. Errors: *RefusedError
	// when the code does not pass the type check, *CompilerError when it took too
	// much, and anything else is trouble of this host.
	Compile(ctx context.Context, artefact []byte, dir string) error
}

// CompilerError says that compiling was stopped, or that the compiler died. About
// a module that is being uploaded it is a verdict: Verdict makes a refusal of it.
// About one that was accepted elsewhere it is trouble of this host, which must not
// decide anything: make room and start the replica again.
type CompilerError struct {
	// Limit names what was exceeded, Allowed its value; both are empty for a
	// compiler that died.
	Limit, Allowed string
	// Text is how the compiler ended.
	Text string
}

// Error names the limit.
func (e *CompilerError) Error() string {
	if e.Limit == "" {
		return "plugins: the compiler died: " + e.Text
	}
	return fmt.Sprintf("plugins: compiling takes more than the %s it may (%s): %s", e.Limit, e.Allowed, e.Text)
}

// refusal makes a verdict of it.
func (e *CompilerError) refusal() *RefusedError {
	r := &RefusedError{Rule: RuleCompile, What: "the compiler dies of the module", Why: e.Text, Function: wasm.NoFunction,
		Hint: "rebuild it with an unmodified toolchain, and report it if that does not help"}
	if e.Limit != "" {
		r.What = fmt.Sprintf("compiling the module takes more than the %s it may", e.Limit)
		r.Why = "the limit is " + e.Allowed
		r.Hint = "make it smaller, split large functions, or turn inlining and unrolling down"
	}
	return r
}

// RuleCompile is the rule by which a module is refused whose compilation exceeded
// a limit or ended the compiler.
const RuleCompile = "compile"

// Verdict makes a compiler's end the refusal of a module; other errors it returns
// as they are. Who judges a module for a whole cluster calls it, once.
func Verdict(err error) error {
	var c *CompilerError
	if errors.As(err, &c) {
		return c.refusal()
	}
	return err
}

// CompileTo compiles an artefact into an empty folder, as an Engine would into its
// cache. Errors: those of Engine.Load.
func CompileTo(ctx context.Context, artefact []byte, dir string) error {
	e, err := NewEngine(Config{CacheDir: dir})
	if err != nil {
		return err
	}
	_, err = e.Load(ctx, artefact)
	return errors.Join(err, e.Close(ctx))
}

// compileElsewhere has the Compiler fill the cache with an artefact's code, unless
// it is there already, so that loading it compiles nothing.
func (e *Engine) compileElsewhere(ctx context.Context, a *Artefact) error {
	if e.config.Compiler == nil || e.cache == nil || e.cache.holds(a.Digest) {
		return nil
	}
	dir, done, err := e.cache.workplace()
	if err != nil {
		return fmt.Errorf("plugins: make room for the compiler: %w", err)
	}
	defer done()
	if err := e.config.Compiler.Compile(ctx, a.Binary, dir); err != nil {
		return err
	}
	if err := e.cache.adopt(dir, a.Digest); err != nil {
		return fmt.Errorf("plugins: take over compiled code: %w", err)
	}
	return nil
}
