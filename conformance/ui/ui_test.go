package ui

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/conformance/cluster"
	"github.com/wraft/wraft/conformance/counter"
	"github.com/wraft/wraft/internal/relay"
)

//go:embed audit.js
var audit string

//go:embed questions.js
var questions string

const (
	// seen is how soon the page is to show what has happened, and seenOnBusyMachine what a
	// test can ask of one that does much else at the same time.
	seen              = 5 * time.Second
	seenOnBusyMachine = 30 * time.Second
	// startTimeout bounds builds and the start of a cluster, dayTimeout what is looked at then.
	startTimeout, dayTimeout = 8 * time.Minute, 5 * time.Minute
	// viewWithin bounds an answer to the page: what a node waits for the views of others.
	viewWithin = time.Second
)

// Which questions of the page atOnce judges: those that were answered, or all of them.
const (
	answered  = `document.querySelector("#live").dataset.state === "good"`
	whichever = `true`
)

// The way is long enough for losses on it to be repaired, and so counted.
var (
	goodWay  = relay.Conditions{Delay: 10 * time.Millisecond}
	lossyWay = relay.Conditions{Delay: 10 * time.Millisecond, Loss: 0.1}
)

// watched is a browser that looks at a cluster under load.
type watched struct {
	*testing.T
	ctx     context.Context
	browser *Browser
	cluster *cluster.Cluster
	links   *cluster.Links
}

// TestPage is a bad day as somebody sees it who looks at the page of node 1.
func TestPage(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes")
	}
	w := watched{T: t}
	w.last(startTimeout)
	w.browser = openBrowser(t, w.ctx)
	w.startCluster()
	w.last(dayTimeout)
	ctx := w.ctx
	load := counter.Start(ctx, counter.Config{Clients: []*client.Client{w.client()}, Workers: 2, Patience: time.Minute})

	w.open(1)
	w.await("all three are up", `document.querySelectorAll("#nodes .badge[data-state=good]").length === 3`)
	w.await("the machine runs", `document.querySelector("#machines [data-machine=counter] .badge")?.textContent === "running"`)
	w.await("all is well", `document.querySelector("#verdict").textContent.startsWith("All is well: 3 of 3 voters are up, 1 may fail")`)
	w.await("it is live", `Number(document.querySelector("#machines [data-machine=counter]").cells[5].textContent) > 0`)
	w.await("leaders are known", `document.querySelectorAll("#nodes [data-leader]").length === 1`)
	w.look("healthy")
	w.browserIsContent()
	if r := w.cluster.Wraftd(ctx, "leader", "prefer", "--follow", "on"); r.Code != 0 {
		t.Errorf("leader prefer: exit code %d: %s", r.Code, r.Stderr)
	}
	w.await("where leaders are to be", `!document.querySelector("#policy").hidden && document.querySelector("#policy").textContent === "The leader of a machine goes where its commands come from."`)

	w.open(3)
	w.await("node 3 asks who one is", `!document.querySelector("#access").hidden && document.querySelector("#main").hidden`)
	w.look("access")
	w.enter("wraft_nonsense")
	w.await("it says what is wrong with a token", `document.querySelector("#access-why").textContent.includes("WRAFT-1012")`)
	w.enter(w.token())
	w.await("a reader's token opens it", `!document.querySelector("#main").hidden && document.querySelector("#source").textContent.startsWith("as node 3")`)

	w.open(1)
	w.await("node 1 needs nothing", `!document.querySelector("#main").hidden`)
	// Why all of node 2's: whoever leads, it has something to say to one of the others, and
	// where nothing is sent nothing is lost.
	w.must(w.links.SetFrom(2, lossyWay))
	w.within("a lossy link of another node", `document.querySelector("#links [data-from='2'] [data-state=lossy]")`)
	w.await("it is told", `/The link from node 2 to node [13] loses [0-9.]+ %/.test(document.querySelector("#problems").textContent)`)
	w.look("lossy-link")

	w.atOnce("a killed node, which does not answer", answered, `document.querySelector("#nodes [data-node='3'] .badge").dataset.state !== "good"`, w.cluster.Nodes[2].Kill)
	w.within("then that it is down", `document.querySelector("#nodes [data-node='3'] .badge").dataset.state === "bad"`)
	w.await("both others miss it", `[1, 2].every((n) => document.querySelector("#links [data-from='" + n + "'] [data-to='3']").textContent.startsWith("down: "))`)
	w.await("none more may fail", `document.querySelector("#verdict").textContent.includes("2 of 3 voters are up, none may fail")`)
	w.look("killed-node")

	if _, err := load.Stop(ctx); err != nil {
		t.Error(err)
	}
	w.atOnce("that the node asked is gone itself", whichever, `document.querySelector("#live").dataset.state === "bad"`, w.cluster.Nodes[0].Kill)
	w.await("it names others to ask", `document.querySelector("#problems a").href === "`+w.cluster.Nodes[1].URL()+`/ui"`)
}

// last bounds what follows.
func (w *watched) last(d time.Duration) {
	ctx, cancel := context.WithTimeout(w.Context(), d)
	w.Cleanup(cancel)
	w.ctx = ctx
}

func openBrowser(t *testing.T, ctx context.Context) *Browser {
	t.Helper()
	b, err := Open(ctx, Options{Dir: t.TempDir()})
	if errors.Is(err, ErrNoBrowser) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

// startCluster has three nodes with relays between them. All but the third serve anybody.
func (w *watched) startCluster() {
	w.Helper()
	c, module, err := cluster.Prepare(w.ctx, w.TempDir(), "orders", "examples/wasm-counter")
	if err != nil {
		w.Fatal(err)
	}
	w.cluster = c
	c.EndWith(w)
	if w.links, err = c.Link(1); err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() {
		if err := w.links.Close(); err != nil {
			w.Error(err)
		}
	})
	w.must(w.links.SetAll(goodWay))
	for _, n := range c.Nodes[:2] {
		text, err := os.ReadFile(n.ConfigFile())
		w.must(err)
		w.must(os.WriteFile(n.ConfigFile(), bytes.Replace(text, []byte("\ntls:\n"), []byte("\ntls:\n  client-auth: none\n"), 1), 0o600))
	}
	w.must(c.Launch(w.ctx, module, "counter"))
}

func (w *watched) client() *client.Client {
	w.Helper()
	cl, err := client.New(client.Config{Endpoints: w.cluster.Endpoints(), TLS: w.cluster.TLS(), AttemptsMax: 1 << 20})
	w.must(err)
	w.Cleanup(cl.Close)
	return cl
}

func (w *watched) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// open loads the page of a node.
func (w *watched) open(node int) {
	w.Helper()
	w.must(w.browser.Go(w.ctx, w.cluster.Nodes[node-1].URL()+"/ui"))
}

// token makes one for a reader.
func (w *watched) token() string {
	w.Helper()
	r := w.cluster.Wraftd(w.ctx, "token", "create", "--role", "reader", "-o", "json")
	var made struct{ Token string }
	if err := json.Unmarshal([]byte(r.Stdout), &made); err != nil || made.Token == "" {
		w.Fatalf("token create: exit code %d, %v: %s%s", r.Code, err, r.Stdout, r.Stderr)
	}
	return made.Token
}

// enter types a token and presses the button.
func (w *watched) enter(token string) {
	w.Helper()
	w.must(w.browser.Run(w.ctx, fmt.Sprintf(`document.querySelector("#token").value = %q; document.querySelector("#token-form button").click()`, token), new(any)))
}

// await waits until the page shows something, and returns how long that took.
func (w *watched) await(what, expression string) time.Duration {
	w.Helper()
	took, err := w.browser.Await(w.ctx, expression)
	if err != nil {
		w.Fatalf("%s: %v", what, err)
	}
	return took
}

// within is await for what has just happened, and says how soon it was shown.
func (w *watched) within(what, expression string) {
	w.Helper()
	took := w.await(what, expression)
	w.Logf("ui: shown=%q after_ms=%d target_ms=%d", what, took.Milliseconds(), seen.Milliseconds())
	if took > seenOnBusyMachine {
		w.Errorf("%s was shown after %v", what, took)
	}
}

// atOnce has something happen, and wants it shown by the first question to count that the page asks
// afterwards. With an answer under way before it, a pause and that answer, this takes less than seen.
//
// Why questions are counted: how long they take is up to the machine that runs the test.
func (w *watched) atOnce(what, counts, shows string, happen func() error) {
	w.Helper()
	w.must(w.browser.Run(w.ctx, fmt.Sprintf("const counts = () => %s, shows = () => %s;\n%s", counts, shows, questions), new(any)))
	w.must(happen())
	var asked int
	w.must(w.browser.Run(w.ctx, "return watched.questions.length", &asked))
	took := w.await(what, shows)
	later := fmt.Sprintf("watched.questions.slice(%d)", asked)
	w.await(what+": a question asked afterwards", later+".some((q) => q.counts)")
	var first struct {
		Shows bool
		Pause int64 // ms, the longest
	}
	w.must(w.browser.Run(w.ctx, "return {shows: "+later+".find((q) => q.counts).shows, pause: Math.max(...watched.pauses)}", &first))
	pause := time.Duration(first.Pause) * time.Millisecond
	w.Logf("ui: shown=%q after_ms=%d target_ms=%d pause_ms=%d", what, took.Milliseconds(), seen.Milliseconds(), first.Pause)
	if !first.Shows {
		w.Errorf("%s: the page asked afterwards and did not show it", what)
	}
	if pause <= 0 || viewWithin+pause+viewWithin > seen {
		w.Errorf("%s: the page pauses for %v between questions, too long to show anything within %v", what, pause, seen)
	}
}

// look judges the page as it is, in both its colours, and where WRAFT_UI_SCREENSHOTS names
// a folder takes pictures.
func (w *watched) look(name string) {
	w.Helper()
	for _, dark := range []bool{true, false} {
		w.must(w.browser.Dark(w.ctx, dark))
		var complaints []string
		w.must(w.browser.Run(w.ctx, audit, &complaints))
		for _, c := range complaints {
			w.Errorf("%s, dark %v: %s", name, dark, c)
		}
		dir := os.Getenv("WRAFT_UI_SCREENSHOTS")
		if dir == "" || dark && name != "healthy" {
			continue
		}
		picture, err := w.browser.Screenshot(w.ctx)
		w.must(err)
		w.must(os.MkdirAll(dir, 0o755))
		w.must(os.WriteFile(filepath.Join(dir, fmt.Sprintf("ui-%s%s.png", name, map[bool]string{true: "-dark"}[dark])), picture, 0o644))
	}
}

// browserIsContent wants no script that failed and nothing that the page's own policy stopped.
func (w *watched) browserIsContent() {
	w.Helper()
	said, err := w.browser.Console(w.ctx)
	w.must(err)
	for _, line := range said {
		w.Errorf("the browser says: %s", line)
	}
}
