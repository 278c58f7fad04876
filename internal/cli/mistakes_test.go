package cli

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/node/api/apitest"
)

// mistake is one mistake made in three ways.
type mistake struct {
	name   string
	method string
	path   string
	body   string
	call   func(context.Context, *client.Client) error
	args   []string
	code   client.Code
}

func mistakesOf(bigFile, bigModule string) []mistake {
	big, module := strings.Repeat("x", 1025), "\x00asm\x01\x00\x00\x00"+strings.Repeat("x", 1<<20)
	command := func(machine, data string) func(context.Context, *client.Client) error {
		return func(ctx context.Context, c *client.Client) error {
			_, err := c.Command(ctx, machine, []byte(data))
			return err
		}
	}
	query := func(q client.Query) func(context.Context, *client.Client) error {
		return func(ctx context.Context, c *client.Client) error {
			_, err := c.Query(ctx, "counter", q)
			return err
		}
	}
	return []mistake{
		{"unknown machine", "POST", "/v1/machines/nobody/commands", "incr", command("nobody", "incr"), []string{"call", "nobody", "incr"}, client.CodeUnknownMachine},
		{"bad name", "POST", "/v1/machines/No_body/commands", "incr", command("No_body", "incr"), []string{"call", "No_body", "incr"}, client.CodeBadName},
		{"rejected command", "POST", "/v1/machines/counter/commands", "what", command("counter", "what"), []string{"call", "counter", "what"}, client.CodeMachineRejected},
		{"command too large", "POST", "/v1/machines/counter/commands", big, command("counter", big), []string{"call", "counter", "@" + bigFile}, client.CodeCommandTooLarge},
		{"lease read", "POST", "/v1/machines/counter/queries?consistency=lease", "get", query(client.Query{Consistency: client.Lease}),
			[]string{"query", "counter", "get", "--consistency", "lease"}, client.CodeLeaseNotAllowed},
		{"too stale", "POST", "/v1/machines/counter/queries?consistency=stale&max-staleness=1s", "get",
			query(client.Query{Data: []byte("get"), Consistency: client.Stale, MaxStaleness: time.Second}),
			[]string{"query", "counter", "get", "--consistency", "stale", "--max-staleness", "1s"}, client.CodeTooStale},
		{"index not reached", "POST", "/v1/machines/counter/queries?min-index=99", "get", query(client.Query{Data: []byte("get"), MinIndex: 99}),
			[]string{"query", "counter", "get", "--min-index", "99"}, client.CodeMinIndex},
		{"wait without index", "POST", "/v1/machines/counter/queries?wait=1s", "get", query(client.Query{Wait: 1e9}),
			[]string{"query", "counter", "get", "--wait", "1s"}, client.CodeBadRequest},
		{"module too large", "PUT", "/v1/modules/" + string(client.DigestOf([]byte(module))), module, func(ctx context.Context, c *client.Client) error {
			_, _, err := c.PutModule(ctx, client.DigestOf([]byte(module)), int64(len(module)), func() (io.ReadCloser, error) { return os.Open(bigModule) })
			return err
		}, []string{"deploy", bigModule, "--name", "big"}, client.CodeModuleTooLarge},
	}
}

// TestSameMistakeSameProblem makes each mistake by plain HTTP, with the Go client
// and on the command line, and wants one problem.
func TestSameMistakeSameProblem(t *testing.T) {
	b := apitest.New(nil)
	b.AddMachine("counter")
	s := apitest.Start(t, b, apitest.Options{CommandBytesMax: 1 << 10, ModuleBytesMax: 1 << 20})
	dir := t.TempDir()
	bigFile, bigModule := filepath.Join(dir, "big"), filepath.Join(dir, "big.wasm")
	for file, data := range map[string]string{bigFile: strings.Repeat("x", 1025), bigModule: "\x00asm\x01\x00\x00\x00" + strings.Repeat("x", 1<<20)} {
		if err := os.WriteFile(file, []byte(data), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	cl := s.Client(t)
	for _, m := range mistakesOf(bigFile, bigModule) {
		t.Run(m.name, func(t *testing.T) {
			plain := overHTTP(t, s.ClientTLS(t), s.Address, m)
			var called *client.Problem
			if err := m.call(t.Context(), cl); !errors.As(err, &called) {
				t.Fatalf("the client gives %v", err)
			}
			if plain.Code != m.code || plain != *called {
				t.Errorf("HTTP gives   %+v\nclient gives %+v", plain, *called)
			}
			var stdout, stderr bytes.Buffer
			p := testProgram(&stdout, &stderr, "WRAFT_SERVER="+s.Address, "WRAFT_CA="+s.File("ca.crt"), "WRAFT_CERT="+s.File("admin.crt"), "WRAFT_KEY="+s.File("admin.key"))
			kind, _ := client.Lookup(m.code)
			if code := p.run(t.Context(), m.args); code != int(kind.Exit) || stdout.Len() != 0 {
				t.Errorf("exit code %d, want %d; stdout %q", code, kind.Exit, &stdout)
			}
			for _, part := range []string{plain.Title, plain.Detail, plain.Hint, string(plain.Code)} {
				if !strings.Contains(stderr.String(), part) {
					t.Errorf("wraftd does not say %q:\n%s", part, &stderr)
				}
			}
		})
	}
}

func overHTTP(t *testing.T, conf *tls.Config, address string, m mistake) client.Problem {
	t.Helper()
	tr := &http.Transport{TLSClientConfig: conf}
	defer tr.CloseIdleConnections()
	req, err := http.NewRequestWithContext(t.Context(), m.method, "https://"+address+m.path, strings.NewReader(m.body))
	if err != nil {
		t.Fatal(err)
	}
	res, err := tr.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var p client.Problem
	if err := json.NewDecoder(res.Body).Decode(&p); err != nil || p.Status != res.StatusCode || res.Header.Get("Content-Type") != client.ProblemMediaType {
		t.Fatalf("%s, %+v, %v", res.Status, p, err)
	}
	return p
}
