package cli

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/internal/project"
	"github.com/wraft/wraft/internal/toolchain"
)

// defaultLanguage needs nothing but the Go toolchain.
const defaultLanguage = "go"

func (p *Program) pluginNewCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "new NAME",
		Short: "Begin a plugin in a folder of its own",
		Long: "Writes a new project into the folder NAME: a small machine that works, its tests, a scenario of\n" +
			"what is expected of it, and the guest library of the language in the folder wraft. The project\n" +
			"builds without a network.",
		Example: "  wraftd plugin new counter --lang go\n  wraftd plugin new orders --lang rust --dir src/orders",
		Args:    exactArgs("NAME"),
	}
	cmd.ValidArgsFunction = cobra.NoFileCompletions
	lang := languageFlag(cmd, "the language (default "+defaultLanguage+"): ", project.Languages())
	dir := cmd.Flags().String("dir", "", "the folder (default: NAME)")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		name := args[0]
		if err := client.CheckMachineName(name); err != nil {
			return err
		}
		if *dir == "" {
			*dir = name
		}
		if *lang == "" {
			*lang = defaultLanguage
		}
		if err := newProblem(project.Create(*dir, name, *lang)); err != nil {
			return err
		}
		fmt.Fprintf(p.Stderr, "wrote a project in %s into %s; next: cd %s && wraftd plugin build\n", *lang, *dir, *dir)
		var missing *toolchain.MissingError
		if _, err := toolchain.Find(*lang); errors.As(err, &missing) {
			fmt.Fprintf(p.Stderr, "to build it, first install %s\n", missing.Install)
		}
		return p.print(cmd, view{
			value:  map[string]string{"name": name, "language": *lang, "dir": *dir},
			header: []string{"name", "language", "dir"}, rows: [][]any{{name, *lang, *dir}}, names: []string{filepath.Clean(*dir)},
		})
	}
	return cmd
}

func newProblem(err error) error {
	var unknown *project.UnknownLanguageError
	switch {
	case errors.Is(err, project.ErrExists):
		return client.NewProblem(client.CodeProjectExists, "%v", err).WithCause(err)
	case errors.As(err, &unknown):
		return usage("there is no template for %q%s; there are %s", unknown.Language, didYouMean(unknown.Language, project.Languages()), strings.Join(project.Languages(), ", "))
	case err != nil:
		return client.NewProblem(client.CodeLocalFile, "%v", err).WithCause(err)
	}
	return nil
}
