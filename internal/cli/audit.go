package cli

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/wraft/wraft/client"
)

func (p *Program) auditCommand() *cobra.Command {
	return group("audit", "See who changed what", p.auditListCommand())
}

func (p *Program) auditListCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "list", Short: "List who deployed, upgraded, deleted, changed nodes and tokens, the newest first",
		Long: "Lists who did what: deploys, upgrades, rollbacks, restores and deletions of machines, changes of nodes,\n" +
			"leaders and the feature level, tokens. Commands to machines are not among it. by is the name in a\n" +
			"certificate, or token:NAME. The cluster keeps the newest 1024 of them, from feature level 2 on.",
		Example: "  wraftd audit list\n  wraftd audit list -o json",
		Args:    exactArgs(),
	}
	conn := p.connectFlags(cmd, callTimeout)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return p.withClient(cmd, conn, func(ctx context.Context, cl *client.Client) error {
			records, err := cl.Audit(ctx)
			if err != nil {
				return err
			}
			v := view{value: map[string]any{"audit": records}, header: []string{"when", "by", "action", "subject", "detail", "index"}}
			for _, r := range records {
				v.names = append(v.names, r.Action)
				v.rows = append(v.rows, []any{r.At.Format(time.RFC3339), dash(r.By), r.Action, dash(r.Subject), dash(r.Detail), r.Index})
			}
			return p.print(cmd, v)
		})
	}
	return cmd
}
