package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/conformance/cluster"
	"github.com/wraft/wraft/conformance/counter"
)

// mistake is something a user does wrong, in up to three ways of doing it.
type mistake struct {
	name string
	// code is what curl and the Go client see.
	code client.Code
	// detail are words the problem's detail has to contain.
	detail string
	// curl are the arguments behind the connection's own; nil leaves curl out.
	curl []string
	// call does the same with the Go client; nil leaves it out.
	call func(context.Context, *client.Client) error
	// cli are wraftd's arguments; nil leaves the command line out.
	cli []string
	// cliCode is what wraftd prints, when it finds the mistake before it asks; code
	// otherwise.
	cliCode client.Code
}

// TestMistakes makes each mistake over curl, the Go client and the command line,
// sees the same problem, and finds the cluster unchanged afterwards.
func TestMistakes(t *testing.T) {
	ctx := within(t, 8*time.Minute)
	skipShort(t)
	c := newCluster(t, ctx, "mistakes", module(t, counterFolder))
	for _, n := range c.Nodes {
		rewrite(t, n, `(?m)\A`, "limits: {node-memory: 600MiB}\n") // room for the counter, and not for another one
	}
	startAll(t, ctx, c)
	deploy(t, ctx, c, module(t, counterFolder), "counter")
	cl := newClient(t, c)
	if r, err := session(t, ctx, cl, "counter").Command(ctx, []byte("add 5")); err != nil {
		t.Fatalf("%q, %v", r.Data, err)
	}
	before := state(t, ctx, c, cl)
	for _, m := range mistakes(t, c) {
		t.Run(m.name, func(t *testing.T) {
			var seen []client.Problem
			if m.curl != nil {
				seen = append(seen, curlProblem(t, ctx, c, m))
			}
			if m.call != nil {
				seen = append(seen, callProblem(t, ctx, cl, m))
			}
			if len(seen) == 2 && seen[0] != seen[1] {
				t.Errorf("curl sees %+v\nthe Go client sees %+v", seen[0], seen[1])
			}
			if m.cli != nil {
				cliProblem(t, ctx, c, m, seen)
			}
		})
	}
	if after := state(t, ctx, c, cl); after != before {
		t.Errorf("the mistakes changed something:\nbefore %s\nafter  %s", before, after)
	}
}

// state is what a mistake must not change.
func state(t *testing.T, ctx context.Context, c *cluster.Cluster, cl *client.Client) string {
	t.Helper()
	held, err := counter.Compare(ctx, c.Endpoints(), c.TLS(), "counter")
	if err != nil {
		t.Fatal(err)
	}
	machines, err := cl.Machines(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for i := range held {
		held[i].Applied = 0 // wraftd call registers its session before it learns that the command is refused
	}
	text, err := json.Marshal(struct {
		Held     []counter.Holding
		Machines int
		Name     string
		Module   client.Digest
	}{held, len(machines), machines[0].Name, machines[0].Module})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// mistakes are the rows of the table.
func mistakes(t *testing.T, c *cluster.Cluster) []mistake {
	t.Helper()
	url, dir := c.Nodes[0].URL(), t.TempDir()
	good, err := os.ReadFile(module(t, counterFolder))
	if err != nil {
		t.Fatal(err)
	}
	file := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	big := bytes.Repeat([]byte("x"), 1<<20+1)
	rows := []mistake{
		{
			name: "unknown machine", code: client.CodeUnknownMachine, detail: "nobody",
			curl: []string{"-X", "POST", "--data-binary", "incr", url + "/v1/machines/nobody/commands"},
			call: func(ctx context.Context, cl *client.Client) error {
				_, err := cl.Command(ctx, "nobody", []byte("incr"))
				return err
			},
			cli: []string{"call", "nobody", "incr"},
		},
		{
			name: "command over the limit", code: client.CodeCommandTooLarge, detail: "1048576",
			curl: []string{"-X", "POST", "--data-binary", "@" + file("big.txt", big), url + "/v1/machines/counter/commands"},
			call: func(ctx context.Context, cl *client.Client) error {
				_, err := cl.Command(ctx, "counter", big)
				return err
			},
			cli: []string{"call", "counter", "@" + filepath.Join(dir, "big.txt")},
		},
		deployMistake(t, url, "a machine without room", client.CodeNoMemory, "has 444596224 bytes too few", client.MachineLimits{}),
		deployMistake(t, url, "a limit out of range", client.CodeLimitRange, "limit stack_bytes is 1000: this cluster allows 65536 to 40000000",
			client.MachineLimits{StackBytes: 1000}, "--stack", "1000"),
		{name: "missing file", cli: []string{"deploy", filepath.Join(dir, "none.wasm")}, cliCode: client.CodeLocalFile},
		{name: "unknown flag", cli: []string{"status", "--colour"}, cliCode: client.CodeUsage},
		{name: "unknown path", code: client.CodeUnknownPath, curl: []string{url + "/v1/nothing"}},
		{name: "unknown parameter", code: client.CodeUnknownParameter, detail: "consistensy",
			curl: []string{"-X", "POST", "--data-binary", "get", url + "/v1/machines/counter/queries?consistensy=stale"}},
	}
	swap := func(old, new string) []byte { return bytes.Replace(good, []byte(old), []byte(new), 1) }
	huge := append(bytes.Clone(good[:8]), make([]byte, 65<<20)...)
	for _, m := range []struct {
		name, words   string
		data          []byte
		code, cliCode client.Code
	}{
		{"a text file", "", []byte("This is no module.\n"), client.CodeModuleRefused, client.CodeNotWASM},
		{"a truncated module", "", good[:len(good)/2], client.CodeModuleRefused, ""},
		{"a module without wraft_apply", "wraft_apply", swap("\x0bwraft_apply", "\x0bwraft_appla"), client.CodeModuleRefused, ""},
		{"a module with a foreign import", "wasi_snapshot_preview9", swap("\x16wasi_snapshot_preview1", "\x16wasi_snapshot_preview9"), client.CodeModuleRefused, ""},
		{"a module of 65 MiB", "67108864", huge, client.CodeModuleTooLarge, ""},
	} {
		path, digest := file(strings.ReplaceAll(m.name, " ", "-")+".wasm", m.data), client.DigestOf(m.data)
		rows = append(rows, mistake{
			name: m.name, code: m.code, detail: m.words, cliCode: m.cliCode,
			curl: []string{"-X", "PUT", "-H", "Content-Type: application/wasm", "--data-binary", "@" + path, url + "/v1/modules/" + string(digest)},
			call: func(ctx context.Context, cl *client.Client) error {
				_, _, err := cl.PutModule(ctx, digest, int64(len(m.data)), func() (io.ReadCloser, error) { return os.Open(path) })
				return err
			},
			cli: []string{"deploy", path, "--name", "mistake"},
		})
	}
	return rows
}

// deployMistake deploys the counter under another name and with limits, which the
// flags say too.
func deployMistake(t *testing.T, url, name string, code client.Code, detail string, limits client.MachineLimits, flags ...string) mistake {
	t.Helper()
	path := module(t, counterFolder)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	spec := client.DeploySpec{Module: client.DigestOf(data), Limits: limits}
	text, err := json.Marshal(spec)
	if err != nil {
		t.Fatal(err)
	}
	return mistake{
		name: name, code: code, detail: detail,
		curl: []string{"-X", "PUT", "-H", "Content-Type: application/json", "--data-binary", string(text), url + "/v1/machines/second"},
		call: func(ctx context.Context, cl *client.Client) error {
			_, _, err := cl.Deploy(ctx, "second", spec)
			return err
		},
		cli: append([]string{"deploy", path, "--name", "second"}, flags...),
	}
}

// curlProblem makes the mistake with curl.
func curlProblem(t *testing.T, ctx context.Context, c *cluster.Cluster, m mistake) client.Problem {
	t.Helper()
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("curl is not installed")
	}
	dir := filepath.Join(c.Dir, "client")
	// Why HTTP/1.1: some curls (7.88, twice in sixty) lose an answer over HTTP/2
	// that comes before they have sent their body, and a refusal by size does.
	args := []string{"-sS", "--http1.1", "-w", "\n%{http_code} %{content_type}", "--cacert", filepath.Join(dir, "ca.crt"),
		"--cert", filepath.Join(dir, "admin.crt"), "--key", filepath.Join(dir, "admin.key")}
	out, err := exec.CommandContext(ctx, "curl", append(args, m.curl...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("curl: %v\n%s", err, out)
	}
	cut := bytes.LastIndexByte(out, '\n')
	var p client.Problem
	if err := json.Unmarshal(out[:cut], &p); err != nil {
		t.Fatalf("curl printed no problem: %v\n%s", err, out)
	}
	kind, _ := client.Lookup(m.code)
	if want := strconv.Itoa(kind.Status) + " " + client.ProblemMediaType; string(out[cut+1:]) != want {
		t.Errorf("status and type are %q, want %q", out[cut+1:], want)
	}
	checkProblem(t, "curl", p, m)
	return p
}

// callProblem makes the mistake with the Go client.
func callProblem(t *testing.T, ctx context.Context, cl *client.Client, m mistake) client.Problem {
	t.Helper()
	var p *client.Problem
	if err := m.call(ctx, cl); !errors.As(err, &p) {
		t.Fatalf("the Go client gives %v, not a problem", err)
	}
	checkProblem(t, "the Go client", *p, m)
	seen := *p
	seen.Cause, seen.RetryAfter = nil, 0 // what does not travel in the body
	return seen
}

func checkProblem(t *testing.T, who string, p client.Problem, m mistake) {
	t.Helper()
	kind, _ := client.Lookup(m.code)
	if p.Code != m.code || p.Status != kind.Status || p.Title != kind.Title || p.Outcome != client.NotApplied {
		t.Errorf("%s sees %+v, want %s", who, p, m.code)
	}
	if !strings.Contains(p.Detail, m.detail) || p.Hint == "" {
		t.Errorf("%s: the detail %q does not say %q, or the hint %q is empty", who, p.Detail, m.detail, p.Hint)
	}
}

// cliProblem makes the mistake on the command line. Where it reaches a node it
// has to show what the others saw.
func cliProblem(t *testing.T, ctx context.Context, c *cluster.Cluster, m mistake, seen []client.Problem) {
	t.Helper()
	code := m.cliCode
	if code == "" {
		code = m.code
	}
	kind, _ := client.Lookup(code)
	r := c.Wraftd(ctx, patience(slices.Clone(m.cli)...)...)
	if r.Code != int(kind.Exit) {
		t.Errorf("wraftd ends with %d, want %d:\n%s", r.Code, kind.Exit, r.Stderr)
	}
	if r.Stdout != "" || !strings.Contains(r.Stderr, string(code)) {
		t.Errorf("wraftd prints %q, and on stderr, without %s:\n%s", r.Stdout, code, r.Stderr)
	}
	if m.cliCode == "" && len(seen) > 0 && !strings.Contains(r.Stderr, seen[0].Detail) {
		t.Errorf("wraftd does not say %q:\n%s", seen[0].Detail, r.Stderr)
	}
}
