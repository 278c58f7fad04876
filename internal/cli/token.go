package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/internal/pki"
)

// How long a token is good when nothing else is said: one for clients, and one that lets a node in.
const (
	tokenValidityDefault = "30d"
	joinValidityDefault  = "1h"
)

func (p *Program) tokenCommand() *cobra.Command {
	return group("token", "Make, list and revoke tokens for clients without a certificate", p.tokenCreateCommand(), p.tokenListCommand(), p.tokenRevokeCommand())
}

func (p *Program) tokenCreateCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "create (--role ROLE | --join)", Short: "Make a token, and show it this once",
		Long: "Makes a token with which a client may do what a role includes: reader, writer (commands too),\n" +
			"deployer:MACHINE (versions of that machine), operator (all machines, nodes, snapshots, but no commands),\n" +
			"admin. The cluster keeps its hash alone, so that nobody can show it again. Whoever has it shows it over\n" +
			"TLS as \"Authorization: Bearer TOKEN\", or to wraftd with --token-file or WRAFT_TOKEN.\n\n" +
			"With --join it lets one machine in as a node instead, once: see wraftd nodes join. It is good for an hour\n" +
			"unless --expires says otherwise. The node that is asked (--server) issues the certificate, so its\n" +
			"configuration has to name the key of the cluster's authority as tls.authority-key.",
		Example: "  wraftd token create --role writer --name ci --expires 90d --out ci.token\n  wraftd token create --join --node 4\n  wraftd call counter incr --token-file ci.token",
		Args:    exactArgs(),
	}
	conn := p.connectFlags(cmd, callTimeout)
	f := cmd.Flags()
	role := f.String("role", "", "what its holder may do: reader, writer, deployer:MACHINE, operator or admin")
	name := f.String("name", "", "what lists and the audit call it (default its ID)")
	expires := f.String("expires", tokenValidityDefault, "how long it is good, as in 12h or 30d; or never; with --join 1h unless it is given")
	joins := f.Bool("join", false, "a token that lets one machine in as a node, once")
	node := f.Uint64("node", 0, "with --join: ID that the node gets (default: the one that it asks for, or whichever is free)")
	learner := f.Bool("learner", false, "with --join: the node does not vote when it has caught up")
	out := f.String("out", "", "file to write the token to, in the place of standard output; it must not exist")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		spec := client.TokenSpec{Role: *role, Name: *name}
		switch _, _, err := pki.ParseRole(*role); {
		case *joins && *role != "":
			return usage("either --role or --join: a token that lets a node in has no role")
		case *joins:
			spec.Join = &client.JoinGrant{Node: client.NodeID(*node), Learner: *learner}
			if !cmd.Flags().Changed("expires") {
				*expires = joinValidityDefault
			}
		case *node != 0 || *learner:
			return usage("--node and --learner come with --join")
		case err != nil:
			return usage("--role: %v", err)
		}
		var err error
		if spec.Expires, err = validUntil(*expires, p.Now()); err != nil {
			return err
		}
		return p.withClient(cmd, conn, func(ctx context.Context, cl *client.Client) error {
			made, err := p.createToken(ctx, cl, spec, *out)
			if err != nil {
				return err
			}
			return p.printNewToken(cmd, made, *out)
		})
	}
	return cmd
}

// createToken makes a token, and writes it to a file where one is named. Why the file first:
// what cannot be written should not be made.
func (p *Program) createToken(ctx context.Context, cl *client.Client, spec client.TokenSpec, out string) (client.NewToken, error) {
	if out == "" {
		return cl.CreateToken(ctx, spec)
	}
	file, err := os.OpenFile(out, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return client.NewToken{}, client.NewProblem(client.CodeLocalFile, "--out: %v", err).WithCause(err)
	}
	made, err := cl.CreateToken(ctx, spec)
	if err != nil {
		return made, errors.Join(err, file.Close(), os.Remove(out))
	}
	_, err = fmt.Fprintln(file, made.Token)
	if err = errors.Join(err, file.Close()); err != nil {
		return made, client.NewProblem(client.CodeLocalFile, "--out: %v; revoke token %s, which nobody knows", err, made.ID).WithCause(err)
	}
	return made, nil
}

func (p *Program) printNewToken(cmd *cobra.Command, made client.NewToken, out string) error {
	v := view{
		value: made, names: []string{made.Token},
		rows: [][]any{{"token", made.Token}, {"id", made.ID}, {"name", made.Name}, {"role", made.Role}, {"expires", expiryWords(made.TokenInfo, p.Now())}},
	}
	if out != "" {
		v.value, v.names, v.rows = made.TokenInfo, []string{made.Name}, v.rows[1:]
	}
	if err := p.print(cmd, v); err != nil {
		return err
	}
	if made.Join != nil {
		fmt.Fprintln(p.Stderr, "next, on the new machine: wraftd nodes join TOKEN --peer HOST:PORT --api HOST:PORT")
		return nil
	}
	if out != "" {
		fmt.Fprintf(p.Stderr, "wrote the token to %s\nnext: wraftd status --token-file %s\n", out, out)
		return nil
	}
	fmt.Fprintln(p.Stderr, "the token is shown this once; keep it where nobody else reads it\nnext: WRAFT_TOKEN=... wraftd status")
	return nil
}

func (p *Program) tokenListCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "list", Short: "List tokens by name; themselves nobody can show", Args: exactArgs()}
	conn := p.connectFlags(cmd, callTimeout)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return p.withClient(cmd, conn, func(ctx context.Context, cl *client.Client) error {
			tokens, err := cl.Tokens(ctx)
			if err != nil {
				return err
			}
			return p.print(cmd, p.tokensView(tokens, map[string]any{"tokens": tokens}))
		})
	}
	return cmd
}

func (p *Program) tokensView(tokens []client.TokenInfo, value any) view {
	v := view{value: value, header: []string{"token", "id", "role", "expires", "created", "by"}}
	for _, t := range tokens {
		v.names = append(v.names, t.Name)
		v.rows = append(v.rows, []any{t.Name, t.ID, t.Role, expiryWords(t, p.Now()), t.Created.Format(time.RFC3339), dash(t.By)})
	}
	return v
}

func (p *Program) tokenRevokeCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "revoke TOKEN", Short: "Revoke a token, by its name or ID",
		Long: "Revokes a token. The node that answers refuses it from then on, the others as soon as they have\n" +
			"heard of it; one that is cut off from the cluster goes on to take it until it hears.",
		Example: "  wraftd token revoke ci",
		Args:    exactArgs("TOKEN"),
	}
	conn := p.connectFlags(cmd, callTimeout)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return p.withClient(cmd, conn, func(ctx context.Context, cl *client.Client) error {
			gone, err := cl.RevokeToken(ctx, args[0])
			if err != nil {
				return err
			}
			if err := p.print(cmd, p.tokensView([]client.TokenInfo{gone}, gone)); err != nil {
				return err
			}
			fmt.Fprintf(p.Stderr, "revoked %s\n", gone.Name)
			return nil
		})
	}
	return cmd
}

// expiryWords says when a token ends.
func expiryWords(t client.TokenInfo, now time.Time) string {
	switch {
	case t.Expires.IsZero():
		return "never"
	case t.Expired(now):
		return "expired " + t.Expires.Format(time.RFC3339)
	}
	return t.Expires.Format(time.RFC3339)
}

// validUntil reads --expires: a duration, also in days, or never, which is the zero time.
func validUntil(text string, now time.Time) (time.Time, error) {
	if text == "never" {
		return time.Time{}, nil
	}
	validity, err := time.ParseDuration(text)
	if days, ok := strings.CutSuffix(text, "d"); ok {
		var n uint64
		n, err = strconv.ParseUint(days, 10, 16)
		validity = time.Duration(n) * 24 * time.Hour
	}
	if err != nil || validity <= 0 || validity > client.TokenValidityMax {
		return time.Time{}, usage("--expires %q: use a duration such as 12h or 30d, at most %dd, or never", text, int(client.TokenValidityMax.Hours()/24))
	}
	return now.Add(validity).UTC().Truncate(time.Second), nil
}
