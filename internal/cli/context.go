package cli

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/internal/contexts"
)

func (p *Program) contextCommand() *cobra.Command {
	return group("context", "Keep how to reach clusters under names", p.contextListCommand(), p.contextShowCommand(),
		p.contextUseCommand(), p.contextAddCommand(), p.contextRemoveCommand())
}

// contextFor is what a command's flags rest on: the context that --context or WRAFT_CONTEXT
// names, else the variables, else the context in use.
func (p *Program) contextFor(c *connection) (contexts.Context, error) {
	name := c.context
	if name == "" {
		name = p.getenv("WRAFT_CONTEXT")
	}
	said := contexts.Context{
		Servers: splitList(p.getenv("WRAFT_SERVER")), CA: p.getenv("WRAFT_CA"), Cert: p.getenv("WRAFT_CERT"), Key: p.getenv("WRAFT_KEY"),
		Token: p.getenv("WRAFT_TOKEN"), TokenFile: p.getenv("WRAFT_TOKEN_FILE"),
	}
	// Why all of them or none: the authority of one cluster says nothing of another one's servers.
	if name == "" && (len(said.Servers) > 0 || said.CA+said.Cert+said.Key+said.Token+said.TokenFile != "") {
		return said, nil
	}
	f, err := contexts.Load(contexts.Path(p.getenv))
	if err != nil {
		return contexts.Context{}, contextProblem(err)
	}
	if name == "" && f.Current == "" {
		return contexts.Context{}, nil
	}
	if name == "" {
		name = f.Current
	}
	found, err := f.Find(name)
	return found, contextProblem(err)
}

// contextProblem words the errors of the file of contexts.
func contextProblem(err error) error {
	var already *client.Problem
	switch {
	case err == nil || errors.As(err, &already):
		return err
	case errors.Is(err, contexts.ErrUnknown):
		return client.NewProblem(client.CodeUnknownContext, "%v", err).WithCause(err)
	case errors.Is(err, contexts.ErrExists):
		return client.NewProblem(client.CodeContextExists, "%v", err).WithCause(err)
	}
	return configProblem("%v", err)
}

// changeContexts changes the user's file.
func (p *Program) changeContexts(change func(*contexts.File) error) error {
	path := contexts.Path(p.getenv)
	if path == "" {
		return configProblem("there is no place for contexts: neither XDG_CONFIG_HOME nor HOME is set")
	}
	f, err := contexts.Load(path)
	if err != nil {
		return contextProblem(err)
	}
	if err := change(&f); err != nil {
		return contextProblem(err)
	}
	return localFileError(f.Save(path))
}

func (p *Program) contextListCommand() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List all contexts", Args: exactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			f, err := contexts.Load(contexts.Path(p.getenv))
			if err != nil {
				return contextProblem(err)
			}
			if f.Contexts == nil {
				f.Contexts = []contexts.Context{}
			}
			v := view{value: f, header: []string{"context", "in use", "servers"}, wide: []string{"ca", "cert", "key", "token file"}}
			for _, c := range f.Contexts {
				v.names = append(v.names, c.Name)
				v.rows = append(v.rows, []any{c.Name, yesNo(c.Name == f.Current), strings.Join(c.Servers, ",")})
				v.wideRows = append(v.wideRows, []any{dash(c.CA), dash(c.Cert), dash(c.Key), dash(c.TokenFile)})
			}
			return p.print(cmd, v)
		},
	}
}

func (p *Program) contextShowCommand() *cobra.Command {
	return &cobra.Command{
		Use: "show [CONTEXT]", Short: "Show a context, or what applies here and now",
		Long: "Shows the context of a name. Without one, shows what commands use that are given no flags: the context\n" +
			"that WRAFT_CONTEXT names, else WRAFT_SERVER and its sisters for certificates and tokens, else the context in use.",
		Args: atMostOneArg("CONTEXT"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := p.contextFor(&connection{context: strings.Join(args, "")})
			if err != nil {
				return err
			}
			if len(c.Servers) == 0 {
				c.Servers = []string{serverDefault}
			}
			return p.printContext(cmd, c)
		},
	}
}

func (p *Program) printContext(cmd *cobra.Command, c contexts.Context) error {
	return p.print(cmd, view{value: c, names: []string{c.Name}, rows: [][]any{
		{"context", dash(c.Name)}, {"servers", strings.Join(c.Servers, ",")}, {"ca", dash(c.CA)}, {"cert", dash(c.Cert)}, {"key", dash(c.Key)},
		{"token file", dash(c.TokenFile)},
	}})
}

func (p *Program) contextUseCommand() *cobra.Command {
	return &cobra.Command{
		Use: "use CONTEXT", Short: "Have commands use a context", Args: exactArgs("CONTEXT"),
		RunE: func(cmd *cobra.Command, args []string) error {
			var c contexts.Context
			err := p.changeContexts(func(f *contexts.File) (err error) {
				c, err = f.Find(args[0])
				f.Current = args[0]
				return err
			})
			if err != nil {
				return err
			}
			fmt.Fprintf(p.Stderr, "in use: %s\n", args[0])
			return p.printContext(cmd, c)
		},
	}
}

func (p *Program) contextAddCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "add NAME --server ADDRESS...", Short: "Add a context",
		Long: "Keeps how to reach a cluster under a name. The files stay where they are; they are named by their\n" +
			"absolute paths, in " + filepath.Join("~", ".config", "wraft", "contexts.yaml") + " (below XDG_CONFIG_HOME where that is set).",
		Example: "  wraftd context add prod --server 10.0.0.1:7443,10.0.0.2:7443 --ca ca.crt --cert admin.crt --key admin.key --use\n  wraftd context add west --server west.example.org:7443 --ca west.crt",
		Args:    exactArgs("NAME"),
	}
	f := cmd.Flags()
	servers := f.StringSlice("server", nil, "addresses of nodes, with commas or repeated (required)")
	ca := f.String("ca", "", "file with the cluster's authority")
	cert := f.String("cert", "", "file with your certificate")
	key := f.String("key", "", "file with your key")
	tokenFile := f.String("token-file", "", "file with a token, in the place of a certificate")
	use := f.Bool("use", false, "also have commands use it")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c := contexts.Context{Name: args[0], Servers: *servers, CA: *ca, Cert: *cert, Key: *key, TokenFile: *tokenFile}
		if err := p.addContext(&c, *use); err != nil {
			return err
		}
		if *use {
			fmt.Fprintf(p.Stderr, "added %s, in use\n", c.Name)
		} else {
			fmt.Fprintf(p.Stderr, "added %s; next: wraftd context use %s\n", c.Name, c.Name)
		}
		return p.printContext(cmd, c)
	}
	return cmd
}

// addContext checks a context as far as it can without the cluster, and adds it, with the absolute
// paths of its files.
func (p *Program) addContext(c *contexts.Context, use bool) error {
	if err := c.Check(); err != nil {
		return usage("%v", err)
	}
	for _, file := range []*string{&c.CA, &c.Cert, &c.Key, &c.TokenFile} {
		if *file == "" {
			continue
		}
		path, err := filepath.Abs(*file)
		if err != nil {
			return localFileError(err)
		}
		*file = path
	}
	conn := connection{servers: c.Servers, ca: c.CA, cert: c.Cert, key: c.Key, tokenFile: c.TokenFile, timeout: callTimeout}
	cl, err := conn.open()
	if err != nil {
		return err
	}
	cl.Close()
	return p.changeContexts(func(f *contexts.File) error {
		if use {
			f.Current = c.Name
		}
		return f.Add(*c)
	})
}

// lendContext adds a temporary context and uses it; what it returns takes it back.
func (p *Program) lendContext(c contexts.Context) (giveBack func() error, err error) {
	c.Temporary = true
	if err := c.Check(); err != nil {
		return nil, usage("--context: %v", err)
	}
	before := ""
	err = p.changeContexts(func(f *contexts.File) error {
		if f.Current != c.Name {
			before = f.Current
		}
		f.Current = c.Name
		return f.Add(c)
	})
	return func() error {
		return p.changeContexts(func(f *contexts.File) error {
			was := f.Current
			if err := f.Remove(c.Name); err != nil {
				return nil // Why: somebody has removed it before, which is all that was wanted
			}
			if _, err := f.Find(before); was == c.Name && err == nil {
				f.Current = before
			}
			return nil
		})
	}, err
}

// contextIsFree says before anything else is done whether addContext will take a name; ""
// is none.
func (p *Program) contextIsFree(c contexts.Context) error {
	if c.Name == "" {
		return nil
	}
	if err := c.Check(); err != nil {
		return usage("--context: %v", err)
	}
	f, err := contexts.Load(contexts.Path(p.getenv))
	if err != nil {
		return contextProblem(err)
	}
	return contextProblem(f.Add(c))
}

func (p *Program) contextRemoveCommand() *cobra.Command {
	return &cobra.Command{
		Use: "remove CONTEXT", Short: "Remove a context; its files stay", Args: exactArgs("CONTEXT"),
		RunE: func(cmd *cobra.Command, args []string) error {
			var c contexts.Context
			err := p.changeContexts(func(f *contexts.File) (err error) {
				if c, err = f.Find(args[0]); err != nil {
					return err
				}
				return f.Remove(args[0])
			})
			if err != nil {
				return err
			}
			fmt.Fprintf(p.Stderr, "removed %s; its files stay\n", c.Name)
			return p.printContext(cmd, c)
		},
	}
}
