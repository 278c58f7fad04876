package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/conformance/abi"
	"github.com/wraft/wraft/plugins"
)

func (p *Program) pluginInspectCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "inspect [DIR|FILE]",
		Short: "Show what is in a module, and why a cluster would refuse it",
		Long: "Shows a module's digest, imports, exports, features and sizes, what instrumentation makes of it, and\n" +
			"the run ID of a machine with the default limits. Nothing of the module is run. If a cluster would\n" +
			"refuse it, the reason follows and the exit code is 8.",
		Example: "  wraftd plugin inspect counter.wasm\n  wraftd plugin inspect counter.wasm -o json",
	}
	pluginArgs(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		t, err := targetOf(args)
		if err != nil {
			return err
		}
		binary, err := t.read()
		if err != nil {
			return err
		}
		i, err := abi.Inspect(binary, plugins.Limits{})
		if err != nil {
			return err
		}
		if err := p.print(cmd, view{value: i, rows: inspectionRows(i), names: []string{i.Digest}}); err != nil {
			return err
		}
		if r := i.Refusal; r != nil {
			err := &plugins.RefusedError{Rule: r.Rule, What: r.What, Why: r.Why, Hint: r.Hint, Function: r.Function, Offset: r.Offset}
			return client.NewProblem(client.CodeModuleRefused, "%v", err)
		}
		return nil
	}
	return cmd
}

func inspectionRows(i *abi.Inspection) [][]any {
	rows := [][]any{{"module", i.Digest}, {"bytes", i.Bytes}}
	if a := i.Artefact; a != nil {
		growth := float64(a.Bytes-i.Bytes) * 100 / float64(i.Bytes)
		rows = append(rows, []any{"artefact", a.Digest}, []any{"instrumented", fmt.Sprintf("%d bytes, %+.1f %%", a.Bytes, growth)},
			[]any{"versions", fmt.Sprintf("pass %d, host %d", a.Pass, a.Host)}, []any{"run ID", a.RunID})
	}
	if i.Exports != nil {
		rows = append(rows, []any{"memory", fmt.Sprintf("%d KiB to begin with", i.MemoryBytes>>10)},
			[]any{"functions", fmt.Sprintf("%d, the longest %d bytes", i.Functions, i.BodyBytesMax)}, []any{"globals", i.Globals},
			[]any{"features", dash(strings.Join(i.Features, ", "))}, []any{"sections", sectionWords(i.Sections)})
	}
	for _, im := range i.Imports {
		note := ""
		if !im.Offered {
			note = "  not offered"
		}
		rows = append(rows, []any{"import", im.Module + "." + im.Name + " " + im.Type + note})
	}
	for _, e := range i.Exports {
		rows = append(rows, []any{"export", strings.TrimSpace(e.Name + " " + e.Type + " " + kindWord(e))})
	}
	return rows
}

// kindWord names what an export is unless its type does.
func kindWord(e abi.Export) string {
	if e.Type != "" {
		return ""
	}
	return "(" + e.Kind + ")"
}

// sectionWords lists sections by size, the largest first.
func sectionWords(sizes map[string]int) string {
	var names []string
	for name := range sizes {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		if sizes[a] != sizes[b] {
			return sizes[b] - sizes[a]
		}
		return strings.Compare(a, b)
	})
	for n, name := range names {
		names[n] = fmt.Sprintf("%s %d", name, sizes[name])
	}
	return strings.Join(names, ", ")
}
