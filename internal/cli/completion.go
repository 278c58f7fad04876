package cli

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/internal/contexts"
)

// completionTimeout is how long a shell's completion may ask the cluster: nobody waits longer
// for a key.
const completionTimeout = time.Second

// completer lists the values that an argument or flag may have.
type completer func(p *Program, cmd *cobra.Command) []string

// completers are by what an argument is called in the line of usage.
var completers = map[string]completer{
	"MACHINE": (*Program).machineNames,
	"NODE":    (*Program).nodeIDs,
	"CODE":    func(*Program, *cobra.Command) []string { return errorCodes() },
	"CONTEXT": func(p *Program, _ *cobra.Command) []string { return p.contextNames() },
}

// flagCompleters are by the name of a flag.
var flagCompleters = map[string]completer{
	"context": completers["CONTEXT"],
	"to":      completers["NODE"],
	"node":    completers["NODE"],
	"machine": completers["MACHINE"],
	"output":  func(*Program, *cobra.Command) []string { return formats },
}

// completed gives all commands the completion of their arguments and flags.
func (p *Program) completed(cmd *cobra.Command) {
	var arguments []completer
	for _, word := range strings.Fields(cmd.Use)[1:] {
		word = strings.Trim(word, "[]().,")
		if list, ok := completers[word]; ok {
			arguments = append(arguments, list)
		} else if word != "" && word == strings.ToUpper(word) {
			arguments = append(arguments, nil) // Why: its place counts, and the shell may offer files
		}
	}
	if slices.ContainsFunc(arguments, func(c completer) bool { return c != nil }) {
		cmd.ValidArgsFunction = func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) >= len(arguments) {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			if arguments[len(args)] == nil {
				return nil, cobra.ShellCompDirectiveDefault
			}
			return arguments[len(args)](p, cmd), cobra.ShellCompDirectiveNoFileComp
		}
	}
	for name, list := range flagCompleters {
		if cmd.LocalNonPersistentFlags().Lookup(name) == nil && cmd.PersistentFlags().Lookup(name) == nil {
			continue
		}
		// It fails for a flag that does not exist, or has a completion already.
		_ = cmd.RegisterFlagCompletionFunc(name, func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
			return list(p, cmd), cobra.ShellCompDirectiveNoFileComp
		})
	}
	for _, sub := range cmd.Commands() {
		p.completed(sub)
	}
}

// machineNames asks the cluster, if it answers at once.
func (p *Program) machineNames(cmd *cobra.Command) (names []string) {
	p.askShortly(cmd, func(ctx context.Context, cl *client.Client) {
		machines, err := cl.Machines(ctx)
		if err != nil {
			return
		}
		for _, m := range machines {
			names = append(names, m.Name)
		}
	})
	return names
}

// nodeIDs asks the cluster, if it answers at once.
func (p *Program) nodeIDs(cmd *cobra.Command) (ids []string) {
	p.askShortly(cmd, func(ctx context.Context, cl *client.Client) {
		info, err := cl.Cluster(ctx)
		if err != nil {
			return
		}
		for _, n := range present(info) {
			ids = append(ids, n.ID.String()+"\t"+n.API)
		}
	})
	return ids
}

// askShortly asks the cluster that the line typed so far is about. What fails is silent: a
// shell has no place for it.
func (p *Program) askShortly(cmd *cobra.Command, ask func(context.Context, *client.Client)) {
	c := &connection{timeout: completionTimeout}
	f := cmd.Flags()
	for name, value := range map[string]*string{
		"context": &c.context, "ca": &c.ca, "cert": &c.cert, "key": &c.key, "token": &c.token, "token-file": &c.tokenFile,
	} {
		if flag := f.Lookup(name); flag == nil {
			return // no command that talks to a cluster
		}
		*value, _ = f.GetString(name)
	}
	c.servers, _ = f.GetStringSlice("server")
	cl, err := p.client(cmd, c)
	if err != nil {
		return
	}
	defer cl.Close()
	ctx, cancel := context.WithTimeout(cmd.Context(), completionTimeout)
	defer cancel()
	ask(ctx, cl)
}

func errorCodes() (codes []string) {
	for _, k := range client.Kinds() {
		codes = append(codes, string(k.Code)+"\t"+k.Title)
	}
	return codes
}

func (p *Program) contextNames() (names []string) {
	f, err := contexts.Load(contexts.Path(p.getenv))
	if err != nil {
		return nil
	}
	for _, c := range f.Contexts {
		names = append(names, c.Name)
	}
	return names
}
