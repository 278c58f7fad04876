package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/wraft/wraft/client"
)

func (p *Program) errorsCommand() *cobra.Command {
	list := &cobra.Command{
		Use: "list", Short: "List every error code", Args: exactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			v := view{header: []string{"code", "status", "exit", "retryable", "title"}}
			var values []errorKind
			for _, k := range client.Kinds() {
				e := errorKindOf(k)
				values = append(values, e)
				v.names = append(v.names, e.Code)
				v.rows = append(v.rows, []any{e.Code, dash(fmt.Sprint(e.Status)), e.Exit, yesNo(e.Retryable), e.Title})
			}
			v.value = map[string]any{"errors": values}
			return p.print(cmd, v)
		},
	}
	lookup := &cobra.Command{
		Use: "lookup CODE", Short: "Explain an error code", Example: "  wraftd errors lookup WRAFT-5004\n  wraftd errors lookup 5004",
		Args: exactArgs("CODE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			code := "WRAFT-" + strings.TrimPrefix(strings.ToUpper(args[0]), "WRAFT-")
			kind, ok := client.Lookup(client.Code(code))
			if !ok {
				return usage("%q is no error code; see: wraftd errors list", args[0])
			}
			e := errorKindOf(kind)
			return p.print(cmd, view{value: e, names: []string{e.Code}, rows: [][]any{
				{"code", e.Code}, {"title", e.Title}, {"about", e.About}, {"try", e.Hint}, {"HTTP status", dash(fmt.Sprint(e.Status))},
				{"exit code", e.Exit}, {"outcome", e.Outcome}, {"retryable", yesNo(e.Retryable)},
			}})
		},
	}
	return group("errors", "Explain error codes", list, lookup)
}

// errorKind is a kind of problem as -o json shows it.
type errorKind struct {
	Code      string `json:"code"`
	Title     string `json:"title"`
	About     string `json:"about"`
	Hint      string `json:"hint"`
	Status    int    `json:"status,omitempty"`
	Exit      int    `json:"exit"`
	Outcome   string `json:"outcome"`
	Retryable bool   `json:"retryable"`
}

func errorKindOf(k client.Kind) errorKind {
	return errorKind{string(k.Code), k.Title, k.About, k.Hint, k.Status, int(k.Exit), string(k.Outcome), k.Retryable}
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// ErrorsPage is docs/ERRORS.md: the catalogue as a page.
func ErrorsPage() string {
	var b strings.Builder
	b.WriteString(`# Errors

Every failure is a problem (RFC 9457) with a code, whichever way one meets it: HTTP answers carry it as
` + "`" + client.ProblemMediaType + "`" + `, the Go client as ` + "`*client.Problem`" + `, the command line on standard error.
This page is printed from the catalogue in ` + "`client/catalogue_table.go`" + ` (go test ./internal/cli -update); ` + "`wraftd errors lookup CODE`" + `
says the same.

outcome is what became of the request: not-applied (and never will be), applied, or unknown. A single problem may
carry another outcome than its kind's usual one below. Exit codes of the command line: 0 ok, 1 failed, 2 usage or configuration,
3 no server reached, 4 TLS or not authorised, 5 no leader, no quorum or timed out, 6 not found, 7 conflict, 8 refused,
9 check negative, 10 the disk failed, 130 interrupted.

| code | title | HTTP | exit | retryable | outcome |
|---|---|---|---|---|---|
`)
	kinds := client.Kinds()
	for _, k := range kinds {
		fmt.Fprintf(&b, "| [%s](#%s) | %s | %s | %d | %s | %s |\n", k.Code, strings.ToLower(string(k.Code)), k.Title,
			dash(fmt.Sprint(k.Status)), k.Exit, yesNo(k.Retryable), k.Outcome)
	}
	for _, k := range kinds {
		fmt.Fprintf(&b, "\n## %s\n\n**%s.** %s\n\nTry: %s\n", k.Code, k.Title, k.About, k.Hint)
	}
	return b.String()
}
