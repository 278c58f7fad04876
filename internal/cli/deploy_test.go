package cli

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/internal/nodeconfig"
)

// deployDir is what the repository has for operators: a unit, an image, a chart, samples.
const deployDir = "../../deploy"

// deployed reads a file of it.
func deployed(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(deployDir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// acceptsArguments wants a command line after the program's name to be one of a command.
func acceptsArguments(t *testing.T, command string, args []string) {
	t.Helper()
	cmd, rest, err := (&Program{}).rootCommand().Find(args)
	if err == nil {
		err = cmd.ParseFlags(rest)
	}
	if err == nil {
		err = cmd.ValidateArgs(cmd.Flags().Args())
	}
	if err != nil || cmd.Name() != command {
		t.Errorf("wraftd %v: %v", args, err)
	}
}

// unitSettings are the settings of a unit, by key; those given twice have all values.
func unitSettings(text string) map[string][]string {
	out := map[string][]string{}
	for in := bufio.NewScanner(strings.NewReader(text)); in.Scan(); {
		if key, value, ok := strings.Cut(in.Text(), "="); ok && !strings.HasPrefix(key, "#") {
			out[key] = append(out[key], value)
		}
	}
	return out
}

// TestDeployUnit: the unit starts this program where the samples expect it, and its policy of
// restarts fits what exit codes mean.
func TestDeployUnit(t *testing.T) {
	text := deployed(t, "systemd/wraftd.service")
	unit := unitSettings(text)
	one := func(key string) string {
		t.Helper()
		if len(unit[key]) != 1 {
			t.Fatalf("%s is %q", key, unit[key])
		}
		return unit[key][0]
	}
	line := strings.Fields(one("ExecStart"))
	acceptsArguments(t, "run", line[1:])
	if one("StateDirectory") != "wraft" || one("ConfigurationDirectory") != "wraft" || !slices.Contains(line, "/etc/wraft/wraft.yaml") {
		t.Error("the unit has other folders than the samples")
	}
	if grace, err := time.ParseDuration(one("TimeoutStopSec") + "s"); err != nil || grace <= closeTimeout {
		t.Errorf("the unit kills a node after %v, which may take %v to stop", grace, closeTimeout)
	}
	wait, err := time.ParseDuration(one("RestartSec") + "s")
	if starts, atoi := strconv.Atoi(unit["StartLimitBurst"][0]); errors.Join(err, atoi) != nil || time.Duration(starts)*wait < time.Minute {
		t.Errorf("the unit gives up on an address that is taken for less than a minute: %d starts, %v apart", starts, wait)
	}
	for code, again := range map[client.Code]bool{
		client.CodeDiskFailed: false, client.CodeNodeRemoved: false, client.CodeDataDirForeign: false, client.CodeTLS: false,
		client.CodeAddressInUse: true, client.CodeLocalFile: true, client.CodeInternal: true,
	} {
		kind, _ := client.Lookup(code)
		if slices.Contains(strings.Fields(one("RestartPreventExitStatus")), strconv.Itoa(int(kind.Exit))) == again {
			t.Errorf("after %s, exit code %d, the unit starts a node again: %v", code, kind.Exit, !again)
		}
	}
	// Why: the runtime compiles modules to machine code.
	if one("MemoryDenyWriteExecute") != "no" {
		t.Error("the unit does not let modules be compiled")
	}
	verifyUnit(t, text, line[0])
}

// verifyUnit has systemd read the unit, where there is one, with this test as the program.
func verifyUnit(t *testing.T, text, program string) {
	t.Helper()
	tool, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Log("systemd-analyze is not installed: the unit was not verified by it")
		return
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "wraftd.service")
	if err := os.WriteFile(file, []byte(strings.Replace(text, program, self, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), tool, "verify", "--man=no", file).CombinedOutput(); err != nil || strings.Contains(string(out), "wraftd.service") {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
}

// TestDeploySamples: the sample configurations are those of every one of their nodes.
func TestDeploySamples(t *testing.T) {
	for name, want := range map[string]struct{ nodes, regions int }{"lan-3.yaml": {3, 1}, "regions-5.yaml": {5, 3}} {
		file := filepath.Join(deployDir, "config", name)
		for id := 1; id <= want.nodes; id++ {
			cfg, err := loadConfig(file, []string{"WRAFT_NODE=" + strconv.Itoa(id)}, nil)
			if err != nil {
				t.Fatalf("%s for node %d: %v", name, id, err)
			}
			regions := map[string]bool{}
			for _, n := range cfg.Nodes {
				regions[n.Region] = true
			}
			if cfg.Node != client.NodeID(id) || len(cfg.Nodes) != want.nodes || len(regions) != want.regions || cfg.DataDir != "/var/lib/wraft/data" {
				t.Errorf("%s for node %d: %d nodes in %d regions, data in %s", name, id, len(cfg.Nodes), len(regions), cfg.DataDir)
			}
		}
	}
}

// dockerLines are the instructions of the last stage of a Dockerfile, by name.
func dockerLines(text string) map[string][]string {
	out := map[string][]string{}
	for in := bufio.NewScanner(strings.NewReader(text[strings.LastIndex(text, "\nFROM "):])); in.Scan(); {
		if name, rest, ok := strings.Cut(in.Text(), " "); ok && name != "#" {
			out[name] = append(out[name], rest)
		}
	}
	return out
}

// TestDeployImage: the image holds this program alone, runs it as nobody in particular, with
// arguments it knows, and opens the ports of the samples. What is built is static.
func TestDeployImage(t *testing.T) {
	text := deployed(t, "Dockerfile")
	image := dockerLines(text)
	for name, want := range map[string]string{
		"FROM": "scratch", "USER": "65532:65532", "EXPOSE": "7443/tcp 7443/udp 7444/udp", "ENTRYPOINT": `["/wraftd"]`, "VOLUME": "/var/lib/wraft",
	} {
		if got := strings.Join(image[name], "; "); got != want {
			t.Errorf("%s %s, want %s", name, got, want)
		}
	}
	words := func(text string) (out []string) {
		for _, m := range regexp.MustCompile(`"([^"]*)"`).FindAllStringSubmatch(text, -1) {
			out = append(out, m[1])
		}
		return out
	}
	acceptsArguments(t, "run", words(strings.Join(image["CMD"], "")))
	check := words(strings.Join(image["HEALTHCHECK"], ""))
	if len(check) == 0 || check[0] != "/wraftd" {
		t.Fatalf("HEALTHCHECK %v", image["HEALTHCHECK"])
	}
	acceptsArguments(t, "healthcheck", check[1:])
	build := regexp.MustCompile(`(?m)^RUN (CGO_ENABLED=0 go build .*)$`).FindStringSubmatch(text)
	if build == nil {
		t.Fatal("the Dockerfile does not build without C")
	}
	if testing.Short() {
		return
	}
	program := filepath.Join(t.TempDir(), "wraftd")
	cmd := exec.CommandContext(t.Context(), "sh", "-c", strings.Replace(build[1], "/out/wraftd", program, 1))
	cmd.Dir, cmd.Env = filepath.Join(deployDir, ".."), append(os.Environ(), "VERSION=9.8.7")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", build[1], err, out)
	}
	if out, err := exec.CommandContext(t.Context(), program, "version").CombinedOutput(); err != nil || !strings.Contains(string(out), "9.8.7") {
		t.Errorf("it says of itself %s, %v", out, err)
	}
	wantStatic(t, program)
}

// samePorts wants a node to listen on the ports that others dial.
func samePorts(t *testing.T, file string, cfg nodeconfig.Config) {
	t.Helper()
	self, _ := cfg.Self()
	for listen, dialled := range map[string]string{cfg.ListenAPI: self.API, cfg.ListenPeer: self.Peer} {
		if !strings.HasSuffix(dialled, listen) {
			t.Errorf("%s: it listens on %s, others dial %s", file, listen, dialled)
		}
	}
}
