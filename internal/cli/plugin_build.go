package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/internal/toolchain"
	"github.com/wraft/wraft/plugins"
)

func (p *Program) pluginBuildCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "build [DIR]",
		Short: "Compile a plugin into a module",
		Long: "Compiles the project in DIR (default: the working directory) into DIR/NAME.wasm, where NAME is the\n" +
			"folder's name, with the flags that make equal source equal bytes, and checks that a cluster would\n" +
			"take the module. The language shows from the project's files.",
		Example: "  wraftd plugin build\n  wraftd plugin build counter --out build/counter.wasm",
	}
	pluginArgs(cmd)
	lang := languageFlag(cmd, "the language, if the project could be of several: ", toolchain.Languages())
	out := cmd.Flags().String("out", "", "the module's file (default: DIR/NAME.wasm)")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		t, err := targetOf(args)
		if err != nil {
			return err
		}
		if t.dir == "" {
			return usage("%s: %s is a file; name the project's folder", cmd.CommandPath(), t.file)
		}
		if *out != "" {
			t.file = *out
		}
		compiler, err := t.build(cmd.Context(), *lang)
		if err != nil {
			return err
		}
		return p.printBuilt(cmd, t, compiler)
	}
	return cmd
}

// built is what `plugin build -o json` shows.
type built struct {
	Name     string `json:"name"`
	File     string `json:"file"`
	Language string `json:"language"`
	Compiler string `json:"compiler"`
	Bytes    int    `json:"bytes"`
	Digest   string `json:"digest"`
}

// printBuilt shows the module, unless a cluster would refuse it.
func (p *Program) printBuilt(cmd *cobra.Command, t target, compiler *toolchain.Toolchain) error {
	binary, err := t.read()
	if err != nil {
		return err
	}
	if err := plugins.Validate(binary, plugins.Limits{}); err != nil {
		return moduleProblem(err)
	}
	digest := client.DigestOf(binary)
	b := built{t.name(), t.file, compiler.Language, compiler.Version, len(binary), string(digest)}
	err = p.print(cmd, view{
		value: b, header: []string{"name", "file", "bytes", "compiler", "module"},
		rows: [][]any{{b.Name, b.File, b.Bytes, b.Compiler, digest.Short()}}, names: []string{b.File},
	})
	fmt.Fprintf(p.Stderr, "built %s; next: wraftd plugin test %s, or wraftd deploy %s\n", b.File, t.dir, b.File)
	return err
}
