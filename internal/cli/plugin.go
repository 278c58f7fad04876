package cli

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/conformance/abi"
	"github.com/wraft/wraft/conformance/abi/scenario"
	"github.com/wraft/wraft/internal/project"
	"github.com/wraft/wraft/internal/toolchain"
	"github.com/wraft/wraft/plugins"
)

func (p *Program) pluginCommand() *cobra.Command {
	return group("plugin", "Write machines: begin, build, test, inspect, run and measure them",
		p.pluginNewCommand(), p.pluginBuildCommand(), p.pluginTestCommand(), p.pluginInspectCommand(), p.pluginRunCommand(), p.pluginBenchCommand())
}

// target is what a plugin command works on: a project, or a module by itself.
type target struct {
	dir  string // "" for a module by itself
	file string // the module
}

// targetOf reads the argument DIR|FILE of a command; none is the working directory.
func targetOf(args []string) (target, error) {
	path := "."
	if len(args) > 0 {
		path = args[0]
	}
	info, err := os.Stat(path)
	if err != nil {
		return target{}, client.NewProblem(client.CodeLocalFile, "%v", err).WithCause(err)
	}
	if !info.IsDir() {
		return target{file: path}, nil
	}
	file, err := project.ModuleFile(path)
	return target{dir: path, file: file}, err
}

// name is the module's, without its folder and ending.
func (t target) name() string {
	return strings.TrimSuffix(filepath.Base(t.file), project.ModuleSuffix)
}

// build compiles a project into its module and returns the toolchain; language ""
// means that the project tells it. A module by itself is left alone.
func (t target) build(ctx context.Context, language string) (*toolchain.Toolchain, error) {
	if t.dir == "" {
		return nil, nil
	}
	if language == "" {
		var err error
		if language, err = toolchain.Detect(t.dir); err != nil {
			return nil, usage("%v", err)
		}
	}
	compiler, err := toolchain.Find(language)
	if err == nil {
		err = compiler.Build(ctx, t.dir, t.file)
	}
	return compiler, buildProblem(err)
}

// buildProblem sorts what can go wrong in a build.
func buildProblem(err error) error {
	var missing *toolchain.MissingError
	var unknown *toolchain.UnknownError
	var refused *toolchain.BuildError
	switch {
	case errors.As(err, &missing):
		return client.NewProblem(client.CodeNoCompiler, "%s: %v; install %s", missing.Language, missing.Cause, missing.Install).WithCause(err)
	case errors.As(err, &unknown):
		return usage("there is no language %q%s; there are %s", unknown.Language, didYouMean(unknown.Language, toolchain.Languages()), strings.Join(toolchain.Languages(), ", "))
	case errors.As(err, &refused):
		return client.NewProblem(client.CodeBuildFailed, "%s: %v\n%s", refused.Language, refused.Cause, refused.Output).WithCause(err)
	}
	return err
}

// read returns the module.
func (t target) read() ([]byte, error) {
	binary, err := os.ReadFile(t.file)
	if errors.Is(err, os.ErrNotExist) && t.dir != "" {
		return nil, client.NewProblem(client.CodeLocalFile, "%v", err).WithHint("Build it first, with: wraftd plugin build").WithCause(err)
	}
	if err != nil {
		return nil, client.NewProblem(client.CodeLocalFile, "%v", err).WithCause(err)
	}
	return binary, nil
}

// subject is the module with what its author expects of it: the scenarios of the
// project, and more files.
func (t target) subject(files []string) (abi.Subject, error) {
	binary, err := t.read()
	if err != nil {
		return abi.Subject{}, err
	}
	s := abi.Subject{Name: t.name(), Binary: binary}
	if t.dir != "" {
		if s.Scenarios, err = project.Scenarios(t.dir); err != nil {
			return s, scenarioProblem(err)
		}
	}
	more, err := project.ReadScenarios(files)
	s.Scenarios = append(s.Scenarios, more...)
	return s, scenarioProblem(err)
}

func scenarioProblem(err error) error {
	var wrong *scenario.SyntaxError
	if errors.As(err, &wrong) {
		return client.NewProblem(client.CodeScenario, "%v", wrong).WithCause(err)
	}
	if err != nil {
		return client.NewProblem(client.CodeLocalFile, "%v", err).WithCause(err)
	}
	return nil
}

// withEngine runs f with an engine of its own.
func withEngine(ctx context.Context, f func(*plugins.Engine) error) error {
	engine, err := plugins.NewEngine(plugins.Config{})
	if err != nil {
		return err
	}
	return errors.Join(moduleProblem(f(engine)), engine.Close(context.WithoutCancel(ctx)))
}

// moduleProblem sorts what can be wrong with a module.
func moduleProblem(err error) error {
	var refused *plugins.RefusedError
	var guest *plugins.GuestError
	switch {
	case errors.As(err, &refused):
		return client.NewProblem(client.CodeModuleRefused, "%v", refused).WithCause(err)
	case errors.As(err, &guest):
		return client.NewProblem(client.CodeMachineTrapped, "%v", guest).WithOutcome(client.NotApplied).WithCause(err)
	}
	return err
}

// pluginArgs takes at most one argument, a folder or a module, and completes it.
func pluginArgs(cmd *cobra.Command) {
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) > 1 {
			return usage("%s: %q is one argument too many", cmd.CommandPath(), args[1])
		}
		return nil
	}
	cmd.ValidArgsFunction = func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return []string{"wasm"}, cobra.ShellCompDirectiveFilterFileExt
	}
}

// languageFlag adds --lang and completes it.
func languageFlag(cmd *cobra.Command, help string, languages []string) *string {
	lang := cmd.Flags().String("lang", "", help+strings.Join(toolchain.Known(), ", "))
	// It fails for a flag that does not exist only.
	_ = cmd.RegisterFlagCompletionFunc("lang", cobra.FixedCompletions(languages, cobra.ShellCompDirectiveNoFileComp))
	return lang
}
