package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/wraft/wraft/client"
)

// prefixDigitsMin is how much of a digest names a module on the command line.
const prefixDigitsMin = 6

func (p *Program) machinesActivateCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "activate MACHINE MODULE", Short: "Upgrade a machine to a module that was uploaded before",
		Long: "Upgrades a running machine: at one index of its log every replica hands the machine's state from\n" +
			"the old module to the new one. When one of the two fails at that, the old one goes on everywhere\n" +
			"and the answer says why. MODULE is a digest, or its first digits if the machine's history has it.",
		Example: "  wraftd machines activate counter sha256:5f2c...\n  wraftd machines activate counter 5f2c8a90e1b4 --memory 512MiB",
		Args:    exactArgs("MACHINE", "MODULE"),
	}
	conn := p.connectFlags(cmd, deployTimeout)
	limits := addLimitFlags(cmd, "as before")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return p.withClient(cmd, conn, func(ctx context.Context, cl *client.Client) error {
			digest, err := findModule(ctx, cl, args[0], args[1])
			if err != nil {
				return err
			}
			info, changed, err := cl.Activate(ctx, args[0], client.ActivateSpec{Module: digest, Limits: *limits})
			if err != nil {
				return nameFlag(err)
			}
			if !changed {
				return p.printDeployed(cmd, info, false)
			}
			return p.printUpgraded(cmd, info)
		})
	}
	return cmd
}

func (p *Program) machinesRollbackCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "rollback MACHINE", Short: "Upgrade a machine back to the module before",
		Long: "Goes back to the module, and the limits, from before the machine's last upgrade. This is an upgrade\n" +
			"itself: the older module is given the present state, and if it cannot read that, nothing changes.\n" +
			"No command is undone. A second rollback goes forward again.",
		Example: "  wraftd machines rollback counter",
		Args:    exactArgs("MACHINE"),
	}
	conn := p.connectFlags(cmd, deployTimeout)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return p.withClient(cmd, conn, func(ctx context.Context, cl *client.Client) error {
			info, err := cl.Rollback(ctx, args[0])
			if err != nil {
				return err
			}
			return p.printUpgraded(cmd, info)
		})
	}
	return cmd
}

func (p *Program) machinesHistoryCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "history MACHINE", Short: "List the upgrades of a machine, the newest first",
		Example: "  wraftd machines history counter\n  wraftd machines history counter -o json",
		Args:    exactArgs("MACHINE"),
	}
	conn := p.connectFlags(cmd, callTimeout)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return p.withClient(cmd, conn, func(ctx context.Context, cl *client.Client) error {
			upgrades, err := cl.History(ctx, args[0])
			if err != nil {
				return err
			}
			v := view{
				value:  map[string]any{"upgrades": upgrades},
				header: []string{"deploy", "what", "at", "by", "from", "to", "outcome", "index", "reason"},
			}
			for _, u := range upgrades {
				v.names = append(v.names, fmt.Sprint(u.Deploy))
				v.rows = append(v.rows, []any{u.Deploy, upgradeKind(u), u.At.Format(time.RFC3339), dash(u.By), u.From.Short(), u.To.Short(),
					string(u.State), dash(fmt.Sprint(u.Index)), dash(u.Reason)})
			}
			return p.print(cmd, v)
		})
	}
	return cmd
}

func upgradeKind(u client.UpgradeInfo) string {
	if u.Rollback {
		return "rollback"
	}
	return "upgrade"
}

// findModule reads a digest, or finds the one module of the machine's past that
// begins with the digits given.
func findModule(ctx context.Context, cl *client.Client, machine, text string) (client.Digest, error) {
	if d, err := client.ParseDigest(text); err == nil {
		return d, nil
	}
	digits := strings.TrimPrefix(text, "sha256:")
	if len(digits) < prefixDigitsMin || strings.Trim(digits, "0123456789abcdef") != "" {
		return "", usage("%q is neither a digest nor its first %d digits or more", text, prefixDigitsMin)
	}
	upgrades, err := cl.History(ctx, machine)
	if err != nil {
		return "", err
	}
	var found []client.Digest
	for _, u := range upgrades {
		for _, d := range []client.Digest{u.From, u.To} {
			if strings.HasPrefix(string(d), "sha256:"+digits) && !slices.Contains(found, d) {
				found = append(found, d)
			}
		}
	}
	if len(found) != 1 {
		return "", client.NewProblem(client.CodeUnknownModule, "%d modules in the history of %q begin with %s", len(found), machine, digits).
			WithHint("Give the whole digest; see: wraftd machines history %s -o json", machine)
	}
	return found[0], nil
}

// printUpgraded says what changed and how to go back.
func (p *Program) printUpgraded(cmd *cobra.Command, info client.MachineInfo) error {
	u := info.Upgrade
	if u == nil {
		u = &client.UpgradeInfo{To: info.Module}
	}
	err := p.print(cmd, view{
		value:  info,
		header: []string{"machine", "from", "to", "deploy", "index"},
		rows:   [][]any{{info.Name, dash(u.From.Short()), u.To.Short(), u.Deploy, u.Index}},
		names:  []string{info.Name},
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(p.Stderr, "upgraded %s at index %d; to go back: wraftd machines rollback %s\n", info.Name, u.Index, info.Name)
	return nil
}
