package cli

import (
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/internal/nodeconfig"
	"github.com/wraft/wraft/internal/server"
)

func (p *Program) configCommand() *cobra.Command {
	return group("config", "Show and check a node's configuration", p.configPrintCommand(), p.configCheckCommand())
}

func (p *Program) configPrintCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "print --config FILE",
		Short: "Show the configuration that run would use",
		Long: "Shows every setting as wraftd run would use it with the same file, variables and flags, and with\n" +
			"--sources where each value comes from. Values that cannot be used are shown too; the exit code is 2 then.",
		Example: "  wraftd config print --config node-1/wraft.yaml --sources\n  WRAFT_LOG_LEVEL=debug wraftd config print --config node-1/wraft.yaml -o json",
		Args:    exactArgs(),
	}
	file := cmd.Flags().String("config", configFileDefault, "configuration file")
	sources := cmd.Flags().Bool("sources", false, "show where each value comes from")
	settingFlags(cmd.Flags())
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		l, err := loadLayers(*file, p.Environ, cmd.Flags())
		if err != nil {
			return err
		}
		if err := p.print(cmd, l.view(*sources)); err != nil {
			return err
		}
		return l.check()
	}
	return cmd
}

// settingValue is a setting as -o json shows it.
type settingValue struct {
	Key   string `json:"key"`
	Value string `json:"value"`
	// Source is default, file, variable or flag; From names which.
	Source string `json:"source"`
	From   string `json:"from,omitempty"`
}

// configNode is a line of nodes as -o json shows it.
type configNode struct {
	ID     client.NodeID `json:"id"`
	Peer   string        `json:"peer"`
	API    string        `json:"api"`
	Via    string        `json:"via,omitempty"`
	Region string        `json:"region,omitempty"`
}

// String is the line as a table shows it.
func (n configNode) String() string {
	text := fmt.Sprintf("%d: peer %s, api %s", n.ID, dash(n.Peer), dash(n.API))
	if n.Via != "" {
		text += ", via " + n.Via
	}
	if n.Region != "" {
		text += ", region " + n.Region
	}
	return text
}

// view is the configuration in every form.
func (l layers) view(sources bool) view {
	v := view{header: []string{"key", "value"}}
	if sources {
		v.header = append(v.header, "source")
	}
	add := func(s settingValue) {
		row := []any{s.Key, dash(s.Value)}
		if from := s.From; sources {
			if from == "" {
				from = s.Source
			}
			row = append(row, from)
		}
		v.rows, v.names = append(v.rows, row), append(v.names, s.Key)
	}
	var all []settingValue
	for _, s := range settings {
		all = append(all, l.value(s.key, valueOf(l.config, s.key)))
		add(all[len(all)-1])
	}
	nodes := []configNode{}
	for i, n := range l.config.Nodes {
		nodes = append(nodes, configNode(n))
		one := l.value(nodesKey, nodes[i].String())
		one.Key = fmt.Sprintf("%s[%d]", nodesKey, i)
		add(one)
	}
	v.value = map[string]any{"settings": all, "nodes": nodes}
	return v
}

// value is a value with its source.
func (l layers) value(key, text string) settingValue {
	s := settingValue{Key: key, Value: text, Source: "default", From: l.from[key]}
	switch {
	case s.From == "":
	case strings.HasPrefix(s.From, "--"):
		s.Source = "flag"
	case strings.HasPrefix(s.From, variablePrefix):
		s.Source = "variable"
	default:
		s.Source = "file"
	}
	return s
}

// valueOf is the value of a setting as a file would have it.
func valueOf(cfg nodeconfig.Config, key string) string {
	if cfg.Limits.NodeMemory == 0 { // Why here: this default depends on the machine, so the server fills it in
		cfg.Limits.NodeMemory = server.NodeMemoryDefault(1)
	}
	v := reflect.ValueOf(cfg)
	for _, name := range strings.Split(key, keyDelimiter) {
		v = fieldOf(v, name)
	}
	return fmt.Sprint(v.Interface())
}

// fieldOf is the field of a struct that a key's part names. Every key of settings has one.
func fieldOf(v reflect.Value, name string) reflect.Value {
	for i := range v.NumField() {
		if v.Type().Field(i).Tag.Get("koanf") == name {
			return v.Field(i)
		}
	}
	panic("cli: no field of the configuration is called " + name)
}

func (p *Program) configCheckCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "check FILE",
		Short: "Check a node's configuration without starting it",
		Long: "Checks a configuration as wraftd run would read it here, WRAFT_ variables included: every key and\n" +
			"value, and that the certificate files are this node's, of this cluster, and valid now.",
		Example: "  wraftd config check node-1/wraft.yaml\n  wraftd config check --skip-tls deploy/wraft.yaml",
		Args:    exactArgs("FILE"),
	}
	skip := cmd.Flags().Bool("skip-tls", false, "leave the certificate files out, which may be on another machine")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		cfg, err := loadConfig(args[0], p.Environ, nil)
		if err != nil {
			return err
		}
		checked := map[string]any{"file": args[0], "cluster": cfg.Cluster, "node": cfg.Node, "nodes": len(cfg.Nodes)}
		rows := [][]any{{"file", args[0]}, {"cluster", cfg.Cluster}, {"node", cfg.Node.String()}, {"nodes", len(cfg.Nodes)}}
		if !*skip {
			expires, err := server.CheckIdentity(cfg)
			if err != nil {
				return err
			}
			text := expires.UTC().Format(time.RFC3339)
			checked["certificate_expires"] = text
			rows = append(rows, []any{"certificate until", text})
		}
		return p.print(cmd, view{value: checked, rows: rows, names: []string{args[0]}})
	}
	return cmd
}
