package server

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/internal/nodeconfig"
	"github.com/wraft/wraft/internal/pki"
	"github.com/wraft/wraft/internal/tracecontext"
)

// seenSpan is a span as a collector reads it, with the node that made it.
type seenSpan struct {
	TraceID      string `json:"traceId"`
	SpanID       string `json:"spanId"`
	ParentSpanID string `json:"parentSpanId"`
	TraceState   string `json:"traceState"`
	Name         string `json:"name"`
	Kind         int    `json:"kind"`
	Start        uint64 `json:"startTimeUnixNano,string"`
	End          uint64 `json:"endTimeUnixNano,string"`
	Attributes   []seenAttribute
	node         string
}

type seenAttribute struct {
	Key   string
	Value struct {
		StringValue, IntValue string
		BoolValue             bool
	}
}

// of is an attribute's value, whatever it is, "" without.
func (s seenSpan) of(key string) string {
	for _, a := range s.Attributes {
		if a.Key == key && a.Value.BoolValue {
			return "true"
		} else if a.Key == key {
			return a.Value.StringValue + a.Value.IntValue
		}
	}
	return ""
}

// seenSpans is a collector that keeps what it gets.
type seenSpans struct {
	*httptest.Server

	mu    sync.Mutex // guards spans
	spans []seenSpan
}

func collectSpans(t *testing.T) *seenSpans {
	t.Helper()
	c := &seenSpans{}
	c.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var body struct {
			ResourceSpans []struct {
				Resource   seenSpan
				ScopeSpans []struct{ Spans []seenSpan }
			}
		}
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			t.Errorf("the collector got no spans: %v", err)
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, of := range body.ResourceSpans {
			for _, by := range of.ScopeSpans {
				for _, s := range by.Spans {
					s.node = of.Resource.of("service.instance.id")
					c.spans = append(c.spans, s)
				}
			}
		}
	}))
	t.Cleanup(c.Close)
	return c
}

// trace are the spans of a trace by name; none may be there twice.
func (c *seenSpans) trace(t *testing.T, id string) map[string]seenSpan {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	out := map[string]seenSpan{}
	for _, s := range c.spans {
		if _, twice := out[s.Name]; twice && s.TraceID == id {
			t.Errorf("%q is there twice", s.Name)
		} else if s.TraceID == id {
			out[s.Name] = s
		}
	}
	return out
}

// asker sends requests as any HTTP client does.
type asker struct {
	t    *testing.T
	http *http.Client
}

func newAsker(t *testing.T, c Config) asker {
	t.Helper()
	pool, err := pki.LoadPool(c.TLS.CA)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}
	t.Cleanup(transport.CloseIdleConnections)
	return asker{t: t, http: &http.Client{Transport: transport}}
}

// post asks a machine and returns the answer's headers.
func (a asker) post(to *Server, path string, header http.Header) http.Header {
	a.t.Helper()
	h, err := a.try(to, path, header)
	if err != nil {
		a.t.Fatal(err)
	}
	return h
}

// try is post of what may fail, while another leader is elected say.
func (a asker) try(to *Server, path string, header http.Header) (http.Header, error) {
	r, err := http.NewRequestWithContext(a.t.Context(), http.MethodPost, "https://"+to.APIAddr()+"/v1/machines/m/"+path, strings.NewReader("x"))
	if err != nil {
		return nil, err
	}
	if header != nil {
		r.Header = header
	}
	res, err := a.http.Do(r)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s %s, %w", path, res.Status, body, err)
	}
	return res.Header, nil
}

// command sends a command as programs with the client do.
func (a asker) command(ctx context.Context, to *Server, p client.Protocol) error {
	conf := a.http.Transport.(*http.Transport).TLSClientConfig.Clone()
	conf.NextProtos = nil
	c, err := client.New(client.Config{Endpoints: []string{to.APIAddr()}, TLS: conf, Protocol: p})
	if err != nil {
		return err
	}
	defer c.Close()
	_, err = c.Command(ctx, "m", []byte("x"))
	return err
}

// deployCounting puts a machine called m on a node's cluster.
func deployCounting(t *testing.T, ctx context.Context, b backend) {
	t.Helper()
	module := increaser()
	digest := client.DigestOf(module)
	if _, _, err := b.PutModule(ctx, digest, bytes.NewReader(module), int64(len(module))); err != nil {
		t.Fatal(err)
	}
	if _, _, err := b.Deploy(ctx, "m", client.DeploySpec{Module: digest}); err != nil {
		t.Fatal(err)
	}
}

// tracedPair starts two nodes that trace what their clients want to have traced.
func tracedPair(t *testing.T, to *seenSpans) (configs [2]Config, nodes [2]*Server) {
	t.Helper()
	configs = twoNodes(t)
	for i := range configs {
		configs[i].Traces = nodeconfig.Traces{Endpoint: to.URL, Ratio: "0"}
		var err error
		if configs[i].APIConn, err = net.ListenPacket("udp", configs[i].APIListener.Addr().String()); err != nil {
			t.Fatal(err)
		}
		if nodes[i], err = start(t, configs[i]); err != nil {
			t.Fatal(err)
		}
	}
	return configs, nodes
}

// tracePrefix begins a traceparent; two digits of a round and two of a trace follow.
const tracePrefix = "00-0102030405060708090a0b0c0d0e"

// round is a number of requests, most of them in a trace of their own.
type round struct {
	asker
	number           int
	leader, follower *Server
	forwarded, local http.Header // the answers to two commands
}

// id is what a traceparent of this round begins with.
func (r *round) id(trace string) string { return fmt.Sprintf("%s%02d%s", tracePrefix, r.number, trace) }

// traced are the headers of whoever sends a sampled request.
func (r *round) traced(trace, state string) http.Header {
	return http.Header{"Traceparent": {r.id(trace) + "-1112131415161718-01"}, "Tracestate": {state}}
}

// send sends them all. It fails unless one leader has led from the first answer to the last.
func (r *round) send(ctx context.Context, nodes [2]*Server) error {
	first, err := r.try(nodes[0], "commands", nil)
	if err != nil {
		return err
	}
	r.leader, r.follower = nodes[0], nodes[1]
	if first.Get(client.HeaderLeader) != nodes[0].APIAddr() {
		r.leader, r.follower = nodes[1], nodes[0]
	}
	for _, parent := range []string{"", "00", r.id("01") + "-1112131415161718-00", r.id("0g") + "-1112131415161718-01", strings.Repeat("0", 60_000)} {
		h, err := r.try(r.follower, "commands", http.Header{"Traceparent": {parent}, "Tracestate": {"a=1"}})
		if err != nil {
			return err
		} else if h.Get("Traceresponse") != "" {
			r.t.Errorf("%.80q: answered with %q", parent, h.Get("Traceresponse"))
		}
	}
	if r.forwarded, err = r.try(r.follower, "commands", r.traced("10", "vendor=7")); err != nil {
		return err
	}
	if _, err = r.try(r.follower, "queries", r.traced("30", "")); err != nil {
		return err
	}
	for trace, protocol := range map[string]client.Protocol{"40": client.ProtocolNative, "50": client.ProtocolHTTP} {
		if err := r.command(tracecontext.Join(ctx, r.traced(trace, "").Get("Traceparent"), ""), r.leader, protocol); err != nil {
			return err
		}
	}
	if r.local, err = r.try(r.leader, "commands", r.traced("20", strings.Repeat("a", 600))); err != nil {
		return err
	}
	if from, to := first.Get(client.HeaderTerm), r.local.Get(client.HeaderTerm); from != to {
		return fmt.Errorf("it began in term %s and ended in %s", from, to)
	}
	return nil
}

// calmRound is the first round that no election came into.
func calmRound(t *testing.T, ctx context.Context, ask asker, nodes [2]*Server) *round {
	t.Helper()
	for number := range 100 {
		r := &round{asker: ask, number: number}
		err := r.send(ctx, nodes)
		if err == nil {
			return r
		}
		t.Logf("round %d: %v", number, err)
		if ctx.Err() != nil {
			break
		}
	}
	t.Fatal("no round without an election")
	return nil
}

// TestATraceFromHTTPToApply sends a command through a follower: one trace has its spans on both
// nodes, each below the one that it is part of. Requests whose headers name no trace get none.
func TestATraceFromHTTPToApply(t *testing.T) {
	collector := collectSpans(t)
	configs, nodes := tracedPair(t, collector)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	deployCounting(t, ctx, backend{node: nodes[0].node, cluster: "pair"})
	r := calmRound(t, ctx, newAsker(t, configs[0]), nodes)
	name := func(s *Server) string {
		if s == nodes[0] {
			return "1"
		}
		return "2"
	}
	for _, s := range nodes { // it sends what waits
		stop(t, s)
	}
	of := func(trace string) map[string]seenSpan {
		return collector.trace(t, strings.TrimPrefix(r.id(trace), "00-"))
	}
	command, query := "POST /v1/machines/{machine}/commands", "POST /v1/machines/{machine}/queries"
	far := of("10")
	wantTree(t, far, map[string]string{
		command: "", "forward": command, "forwarded command": "forward", "append": "forwarded command", "commit": "forwarded command", "apply": "forwarded command",
	})
	for of, node := range map[string]string{command: name(r.follower), "forward": name(r.follower), "forwarded command": name(r.leader), "apply": name(r.leader)} {
		if far[of].node != node || far[of].TraceState != "vendor=7" || far[of].of("wraft.machine") != "m" {
			t.Errorf("%s: %+v", of, far[of])
		}
	}
	if p := r.forwarded.Get("Traceresponse"); p != r.id("10")+"-"+far[command].SpanID+"-01" {
		t.Errorf("answered with %q", p)
	}
	wantStages(t, far, r.forwarded)
	near := of("20")
	wantTree(t, near, map[string]string{command: "", "append": command, "commit": command, "apply": command})
	wantStages(t, near, r.local)
	if near[command].TraceState != "" {
		t.Errorf("a tracestate that is too long was kept: %q", near[command].TraceState)
	}
	read := of("30")
	wantTree(t, read, map[string]string{query: "", "read index": query, "query": query})
	if read["read index"].End != read["query"].Start || read["query"].of("wraft.applied") == "" {
		t.Errorf("a query's: %+v", read)
	}
	for trace, root := range map[string]string{"40": "native command", "50": command} {
		wantTree(t, of(trace), map[string]string{root: "", "append": root, "commit": root, "apply": root})
	}
	for _, s := range collector.spans { // no others, in this round or one before it
		if tail := s.TraceID[len(s.TraceID)-2:]; !strings.HasPrefix("00-"+s.TraceID, tracePrefix) || !strings.Contains("10 20 30 40 50", tail) {
			t.Errorf("nobody asked for %+v", s)
		}
	}
}

// wantTree checks whose children spans are; "" is the sender's.
func wantTree(t *testing.T, spans map[string]seenSpan, parents map[string]string) {
	t.Helper()
	if len(spans) != len(parents) {
		t.Fatalf("the trace has %+v", spans)
	}
	for name, parent := range parents {
		want := "1112131415161718"
		if parent != "" {
			want = spans[parent].SpanID
		}
		if s := spans[name]; s.ParentSpanID != want || want == "" || s.Start == 0 || s.End < s.Start {
			t.Errorf("%s, below %s: %+v", name, parent, s)
		}
	}
}

// wantStages checks a command's way through the leader, and that its answer tells of the same
// command.
func wantStages(t *testing.T, spans map[string]seenSpan, answer http.Header) {
	t.Helper()
	app, commit, apply := spans["append"], spans["commit"], spans["apply"]
	if app.Start > commit.Start || commit.Start > commit.End || commit.End > apply.Start {
		t.Errorf("out of order: %+v", spans)
	}
	for _, s := range []seenSpan{app, commit, apply} {
		if s.of("wraft.index") != answer.Get(client.HeaderIndex) || s.of("wraft.term") != answer.Get(client.HeaderTerm) {
			t.Errorf("%s is of another entry than %v: %+v", s.Name, answer, s)
		}
	}
	if fuel, err := strconv.Atoi(apply.of("wraft.fuel")); err != nil || fuel <= 0 || apply.of("wraft.status") != "0" {
		t.Errorf("apply: %+v", apply)
	}
}

// TestADeadCollectorHoldsUpNobody: commands are answered, and the node ends, while every
// request is sampled and the collector takes connections and says nothing.
func TestADeadCollectorHoldsUpNobody(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	c := oneNode(t, "blue")
	c.Traces = nodeconfig.Traces{Endpoint: "http://" + silent.Addr().String(), Ratio: "1"}
	s, err := start(t, c)
	if err != nil {
		t.Fatal(err)
	}
	defer stop(t, s)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	deployCounting(t, ctx, backend{node: s.node, cluster: "blue"})
	ask := newAsker(t, c)
	for range 20 {
		if ask.post(s, "commands", nil).Get("Traceresponse") == "" {
			t.Fatal("it was not sampled")
		}
	}
}
