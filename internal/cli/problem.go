package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/wraft/wraft/client"
)

// asProblem is err as a problem. What no command of ours made was made by cobra,
// and is about usage.
func asProblem(err error) *client.Problem {
	var p *client.Problem
	if errors.As(err, &p) {
		return p
	}
	return client.NewProblem(client.CodeUsage, "%v", err).WithCause(err)
}

// localError is err of a command of ours as a problem, so that asProblem does not
// take it for cobra's.
func localError(err error) error {
	var p *client.Problem
	if err == nil || errors.As(err, &p) {
		return err
	}
	return client.NewProblem(client.CodeInternal, "%v", err).WithOutcome(client.NotApplied).WithCause(err)
}

// printProblem says what happened, what became of it, and what to try.
func (p *Program) printProblem(problem *client.Problem) {
	text := "wraftd: " + problem.Title
	if problem.Detail != "" {
		text += ": " + strings.ReplaceAll(problem.Detail, "\n", "\n  ")
	}
	fmt.Fprintln(p.Stderr, text)
	if problem.Outcome != client.NotApplied {
		fmt.Fprintln(p.Stderr, "  outcome: "+outcomeWords(problem))
	}
	if problem.Leader != nil {
		fmt.Fprintf(p.Stderr, "  leader:  node %d %s\n", problem.Leader.ID, problem.Leader.API)
	}
	if problem.Hint != "" {
		fmt.Fprintln(p.Stderr, "  try:     "+problem.Hint)
	}
	fmt.Fprintf(p.Stderr, "  code:    %s (wraftd errors lookup %s)\n", problem.Code, problem.Code)
}

func outcomeWords(problem *client.Problem) string {
	words := "unknown; the command may have been applied, or may still be"
	if problem.Outcome == client.Applied {
		words = "applied"
	}
	if problem.Index != 0 {
		words += fmt.Sprintf(" (log index %d)", problem.Index)
	}
	return words
}

// usage is a problem with the command line.
func usage(format string, args ...any) error {
	return client.NewProblem(client.CodeUsage, format, args...)
}

// exactArgs wants one argument per name.
func exactArgs(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < len(names):
			return usage("%s: %s is missing", cmd.CommandPath(), names[len(args)])
		case len(args) > len(names):
			return usage("%s: %q is one argument too many", cmd.CommandPath(), args[len(names)])
		}
		return nil
	}
}

// atMostOneArg takes one argument or none.
func atMostOneArg(name string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		return exactArgs(name)(cmd, args)
	}
}

// group is a command that only has subcommands.
func group(use, short string, sub ...*cobra.Command) *cobra.Command {
	var names []string
	for _, s := range sub {
		names = append(names, s.Name())
	}
	cmd := &cobra.Command{Use: use, Short: short}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			return usage("%s has no subcommand %q; there are: %s", cmd.CommandPath(), args[0], strings.Join(names, ", "))
		}
		return usage("%s needs a subcommand: %s", cmd.CommandPath(), strings.Join(names, ", "))
	}
	cmd.AddCommand(sub...)
	return cmd
}
