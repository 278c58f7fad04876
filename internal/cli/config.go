package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/env/v2"
	"github.com/knadh/koanf/providers/file"
	"github.com/knadh/koanf/providers/posflag"
	"github.com/knadh/koanf/v2"
	"github.com/spf13/pflag"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/internal/bootstrap"
	"github.com/wraft/wraft/internal/nodeconfig"
)

const (
	keyDelimiter   = "."
	variablePrefix = "WRAFT_"
	nodesKey       = "nodes"

	// configFileDefault is what commands read that are not told which file.
	configFileDefault = bootstrap.ConfigFile
)

// setting is a key of the configuration that holds one value.
type setting struct {
	key, help string
	// path marks file names, which a configuration file gives relative to itself.
	path bool
}

// settings are all such keys; each is also a variable and a flag of run.
var settings = []setting{
	{key: "cluster", help: "name of the cluster"},
	{key: "node", help: "this node's ID"},
	{key: "data-dir", help: "folder with everything the node must not lose", path: true},
	{key: "listen-api", help: "host:port (TCP, and UDP for HTTP/3 and the native protocol) for clients (default: the node's api in nodes)"},
	{key: "listen-peer", help: "host:port (UDP) for other nodes (default: the node's peer in nodes)"},
	{key: "join", help: "whether the node was added to a running cluster: true or false (default false)"},
	{key: "native", help: "clients' native protocol, on UDP at listen-api: on or off (default on)"},
	{key: "http3", help: "HTTP/3 for clients, on UDP at listen-api: on or off (default on)"},
	{key: "fec", help: "repair of losses between nodes: auto (where there are losses), off or on (default auto)"},
	{key: "tls.ca", help: "file with the cluster's authority", path: true},
	{key: "tls.cert", help: "file with the node's certificate", path: true},
	{key: "tls.key", help: "file with the node's key", path: true},
	{key: "tls.revoked", help: "file with lists of revoked certificates (optional)", path: true},
	{key: "tls.authority-key", help: "file with the authority's key, on a node that lets others join by token (optional)", path: true},
	{key: "tls.client-auth", help: "whether clients must show a certificate: require or none (default require)"},
	{key: "raft.heartbeat", help: "interval of a leader's heartbeats (default 100ms)"},
	{key: "raft.election-timeout", help: "silence after which a follower stands for election (default 1s)"},
	{key: "reads.lease", help: "reads that rest on clocks: on or off, alike on all nodes (default off)"},
	{key: "limits.command-bytes", help: "longest command or query (default 1MiB)"},
	{key: "limits.module-bytes", help: "largest module (default 64MiB)"},
	{key: "limits.machine-memory", help: "most memory of one machine (default 256MiB)"},
	{key: "limits.node-memory", help: "what the machines of this node may count for, each with twice its memory (default half of the memory)"},
	{key: "limits.compile-memory", help: "most memory of a process that compiles a module (default 1GiB)"},
	{key: "limits.compile-time", help: "most processor time of one, which may last five times as long (default 1m)"},
	{key: "limits.connections", help: "most connections of clients over TCP, and as many over UDP (default 4096)"},
	{key: "snapshots.log-bytes", help: "log between two snapshots of a machine (default 64MiB)"},
	{key: "snapshots.interval", help: "most log time between two, if anything was written (default 30m)"},
	{key: "snapshots.tail-bytes", help: "log that is kept behind a snapshot (default 64MiB)"},
	{key: "snapshots.keep", help: "snapshots of a machine that are kept (default 2)"},
	{key: "snapshots.send-rate", help: "most bytes of files sent to the other nodes in a second (default 64MiB)"},
	{key: "disk.min-free", help: "free space below which the node takes no commands (default 256MiB)"},
	{key: "disk.ballast", help: "size of a file that holds space back for a full disk (default a quarter of disk.min-free)"},
	{key: "disk.stall-timeout", help: "how long a write may take before leadership is handed over (default 5s)"},
	{key: "disk.scrub-interval", help: "how often logs, snapshots and modules are read over for rot (default 24h)"},
	{key: "disk.scrub-rate", help: "bytes that are read over in a second (default 8MiB)"},
	{key: "disk.keep-modules", help: "how long a module stays that nothing names any more (default 1h)"},
	{key: "members.remove-dead-after", help: "silence to everybody after which a node is removed, where the quorum stays safe (default 0: never)"},
	{key: "members.min-voters", help: "voters that have to be left and answer when one is removed so (default 3)"},
	{key: "traces.endpoint", help: "URL of a collector that takes traces (OTLP over HTTP), such as https://collector:4318 (optional)"},
	{key: "traces.ratio", help: "share of requests that are traced unless their sender decided it, 0 to 1 (default 0.01)"},
	{key: "traces.ca", help: "file with the collector's authority (default those of the system)", path: true},
	{key: "log.level", help: "debug, info, warn or error (default info)"},
	{key: "log.format", help: "auto, text or json (default auto: text on a terminal)"},
}

// nodeKeys are the keys of one entry of nodes.
var nodeKeys = []string{"id", "peer", "api", "via", "region"}

// clientVariables begin like variables of a node but are for client commands.
var clientVariables = []string{"WRAFT_CONTEXT", "WRAFT_SERVER", "WRAFT_CA", "WRAFT_CERT", "WRAFT_KEY", "WRAFT_TOKEN", "WRAFT_TOKEN_FILE"}

// flag is the name of the setting's flag.
func (s setting) flag() string { return strings.ReplaceAll(s.key, keyDelimiter, "-") }

// variable is the name of the setting's environment variable.
func (s setting) variable() string {
	return variablePrefix + strings.ToUpper(strings.NewReplacer(keyDelimiter, "_", "-", "_").Replace(s.key))
}

// settingFlags adds a flag for each setting.
func settingFlags(f *pflag.FlagSet) {
	for _, s := range settings {
		f.String(s.flag(), "", s.help)
	}
}

// loadConfig layers a node's configuration: defaults, then the YAML file, then
// WRAFT_ variables, then flags. Every error is a CodeConfig problem.
func loadConfig(path string, environ []string, flags *pflag.FlagSet) (nodeconfig.Config, error) {
	l, err := loadLayers(path, environ, flags)
	if err != nil {
		return nodeconfig.Config{}, err
	}
	return l.config, l.check()
}

// layers is a node's configuration with where its values come from.
type layers struct {
	// config has its defaults and may be invalid.
	config nodeconfig.Config
	// from is where a key's value was given, in the words of a person: a file, a variable
	// or a flag. Keys that only have their default are not in it.
	from map[string]string
}

// check returns what is wrong with the values.
func (l layers) check() error {
	if err := l.config.Validate(); err != nil {
		return configProblem("%v", err)
	}
	return nil
}

// loadLayers is loadConfig up to the values, which are not checked.
func loadLayers(path string, environ []string, flags *pflag.FlagSet) (layers, error) {
	l := layers{from: map[string]string{}}
	k := koanf.New(keyDelimiter)
	if err := loadFile(k, path); err != nil {
		return l, err
	}
	for _, key := range k.Keys() {
		l.from[key] = path
	}
	if err := loadVariables(k, environ, l.from); err != nil {
		return l, err
	}
	if flags != nil {
		changed := func(f *pflag.Flag) (string, any) { return changedSetting(f, l.from) }
		if err := k.Load(posflag.ProviderWithFlag(flags, keyDelimiter, k, changed), nil); err != nil {
			return l, configProblem("flags: %v", err)
		}
	}
	if err := k.Unmarshal("", &l.config); err != nil {
		return l, configProblem("%v", err)
	}
	l.config = l.config.WithDefaults()
	return l, nil
}

func configProblem(format string, args ...any) error {
	return client.NewProblem(client.CodeConfig, format, args...)
}

// loadFile reads the YAML file and makes the file names in it independent of the
// working directory.
func loadFile(k *koanf.Koanf, path string) error {
	if err := k.Load(file.Provider(path), yaml.Parser()); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return client.NewProblem(client.CodeConfig, "%v", err).
				WithHint("Write one with wraftd init, or name another with --config.")
		}
		return configProblem("%s: %v", path, err)
	}
	if err := checkKeys(path, k); err != nil {
		return err
	}
	dir, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return configProblem("%s: %v", path, err)
	}
	for _, s := range settings {
		if name := k.String(s.key); s.path && name != "" && !filepath.IsAbs(name) {
			if err := k.Set(s.key, filepath.Join(dir, name)); err != nil {
				return configProblem("%s: %s: %v", path, s.key, err)
			}
		}
	}
	return nil
}

// checkKeys refuses keys that nothing would read.
func checkKeys(path string, k *koanf.Koanf) error {
	known := []string{nodesKey}
	for _, s := range settings {
		known = append(known, s.key)
	}
	var problems []error
	for _, key := range k.Keys() {
		if !slices.Contains(known, key) {
			problems = append(problems, fmt.Errorf("%s: unknown key%s", key, didYouMean(key, known)))
		}
	}
	for i, n := range k.Slices(nodesKey) {
		for _, key := range n.Keys() {
			if !slices.Contains(nodeKeys, key) {
				problems = append(problems, fmt.Errorf("nodes[%d].%s: unknown key%s", i, key, didYouMean(key, nodeKeys)))
			}
		}
	}
	if len(problems) > 0 {
		return configProblem("%s: %v", path, errors.Join(problems...))
	}
	return nil
}

// loadVariables reads WRAFT_ variables and notes them in from; those for client commands
// are left alone.
func loadVariables(k *koanf.Koanf, environ []string, from map[string]string) error {
	keyOf := make(map[string]string, len(settings))
	var known []string
	for _, s := range settings {
		keyOf[s.variable()] = s.key
		known = append(known, s.variable())
	}
	var unknown []error
	provider := env.Provider(keyDelimiter, env.Opt{
		Prefix:      variablePrefix,
		EnvironFunc: func() []string { return environ },
		TransformFunc: func(name, value string) (string, any) {
			key, ok := keyOf[name]
			if !ok && !slices.Contains(clientVariables, name) {
				unknown = append(unknown, fmt.Errorf("%s: unknown variable%s", name, didYouMean(name, known)))
			}
			if ok {
				from[key] = name
			}
			return key, value
		},
	})
	if err := k.Load(provider, nil); err != nil {
		return configProblem("variables: %v", err)
	}
	if len(unknown) > 0 {
		return configProblem("%v", errors.Join(unknown...))
	}
	return nil
}

// changedSetting is the setting of a flag that was given, noted in from, "" for all other
// flags.
func changedSetting(f *pflag.Flag, from map[string]string) (string, any) {
	for _, s := range settings {
		if f.Changed && f.Name == s.flag() {
			from[s.key] = "--" + f.Name
			return s.key, f.Value.String()
		}
	}
	return "", nil
}
