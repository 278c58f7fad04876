package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/wraft/wraft/conformance/cluster"
)

// observed are the series that all nodes of a cluster have: labels by metric.
type observed map[string]map[string]bool

// observe scrapes every node until it answers.
func observe(t *testing.T, ctx context.Context, c *cluster.Cluster) observed {
	t.Helper()
	out := observed{}
	for _, n := range c.Nodes {
		series, err := n.Metrics(ctx)
		for ; err != nil; series, err = n.Metrics(ctx) {
			if ctx.Err() != nil {
				t.Fatal(err)
			}
		}
		for s := range series {
			name, labels, _ := strings.Cut(s, "{")
			if out[name] == nil {
				out[name] = map[string]bool{}
			}
			for _, m := range regexp.MustCompile(`(\w+)="`).FindAllStringSubmatch(labels, -1) {
				out[name][m[1]] = true
			}
		}
	}
	return out
}

// expressionsHold reports which expressions of the dashboard and the alerts in deploy name metrics
// that nodes lack, or labels that these lack.
func expressionsHold(t *testing.T, have observed) (problems []string) {
	t.Helper()
	root, err := cluster.Root()
	if err != nil {
		t.Fatal(err)
	}
	read := func(name string) string {
		text, err := os.ReadFile(filepath.Join(root, "deploy", name))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	var dashboard any
	if err := json.Unmarshal([]byte(read("grafana/wraft.json")), &dashboard); err != nil {
		t.Fatalf("the dashboard: %v", err)
	}
	panels := panelsOf(dashboard)
	alerts := rulesOf(read("prometheus/alerts.yaml"))
	if len(panels) < 20 || len(alerts) < 15 {
		t.Errorf("%d expressions in the dashboard, %d alerts: too few to be all", len(panels), len(alerts))
	}
	for _, e := range append(panels, alerts...) {
		for _, wrong := range e.wrong(have) {
			problems = append(problems, fmt.Sprintf("%s: %s", e.promQL, wrong))
		}
	}
	return problems
}

// expression is one of PromQL and the words that are made of its result.
type expression struct{ promQL, words string }

// panelsOf finds the targets of a dashboard, wherever they are.
func panelsOf(v any) []expression {
	var out []expression
	switch v := v.(type) {
	case map[string]any:
		if promQL, ok := v["expr"].(string); ok {
			legend, _ := v["legendFormat"].(string)
			return []expression{{promQL, legend}}
		}
		for _, inner := range v {
			out = append(out, panelsOf(inner)...)
		}
	case []any:
		for _, inner := range v {
			out = append(out, panelsOf(inner)...)
		}
	}
	return out
}

// rulesOf finds the expressions of alerts, each on a line of its own.
func rulesOf(text string) []expression {
	var out []expression
	for _, rule := range strings.Split(text, "- alert: ")[1:] {
		if m := regexp.MustCompile(`(?m)^ +expr: (.+)$`).FindStringSubmatch(rule); m != nil {
			out = append(out, expression{m[1], rule})
		}
	}
	return out
}

var (
	metricNames = regexp.MustCompile(`\b((?:wraft|process|go)_\w+|up)\b(?:\{([^}]*)\})?`)
	functions   = regexp.MustCompile(`\b([a-z_]+)\s*\(`)
	grouping    = regexp.MustCompile(`\bby\s*\(([^)]*)\)`)
	wordLabels  = regexp.MustCompile(`\{\{\s*(?:\$labels\.)?(\w+)\s*\}\}`)
	matched     = regexp.MustCompile(`(\w+)\s*(?:=~|!~|!=|=)`)
)

// known are the functions and words before a parenthesis that expressions may use.
var known = strings.Fields("sum min max count by rate increase delta histogram_quantile predict_linear time vector or and unless")

// wrong is what is the matter with an expression.
func (e expression) wrong(have observed) []string {
	var out []string
	labels := map[string]bool{"instance": true, "job": true} // what Prometheus adds
	for _, m := range metricNames.FindAllStringSubmatch(e.promQL, -1) {
		own, ok := have[m[1]]
		if !ok && m[1] != "up" {
			out = append(out, "no node has "+m[1])
		}
		for l := range own {
			labels[l] = true
		}
		for _, l := range matched.FindAllStringSubmatch(m[2], -1) {
			if !own[l[1]] && l[1] != "instance" && l[1] != "job" {
				out = append(out, m[1]+" has no label "+l[1])
			}
		}
	}
	for _, m := range functions.FindAllStringSubmatch(e.promQL, -1) {
		if !slices.Contains(known, m[1]) {
			out = append(out, m[1]+" is no function that is known here")
		}
	}
	for _, m := range grouping.FindAllStringSubmatch(e.promQL, -1) {
		for _, l := range strings.Split(m[1], ",") {
			if l = strings.TrimSpace(l); !labels[l] {
				out = append(out, "grouped by "+l+", which none of its metrics has")
			}
		}
	}
	for _, m := range wordLabels.FindAllStringSubmatch(e.words, -1) {
		if !labels[m[1]] {
			out = append(out, "worded with "+m[1]+", which none of its metrics has")
		}
	}
	if strings.Count(e.promQL, "(") != strings.Count(e.promQL, ")") || strings.Count(e.promQL, "{") != strings.Count(e.promQL, "}") {
		out = append(out, "parentheses do not match")
	}
	return out
}

// TestWrongExpressions: what the check is for.
func TestWrongExpressions(t *testing.T) {
	have := observed{"wraft_raft_term": {"group": true}}
	for promQL, want := range map[string]string{
		"max by (group) (wraft_raft_term) > 0": "", `wraft_raft_term{group="1", instance=~"$node"}`: "",
		"wraft_raft_terms":                "no node has wraft_raft_terms",
		`wraft_raft_term{grup="1"}`:       "wraft_raft_term has no label grup",
		"sum by (peer) (wraft_raft_term)": "grouped by peer",
		"ratio(wraft_raft_term)":          "ratio is no function",
		"sum(wraft_raft_term":             "parentheses",
	} {
		got := strings.Join(expression{promQL, "{{group}}"}.wrong(have), "; ")
		if !strings.HasPrefix(got, want) || (want == "") != (got == "") {
			t.Errorf("%s: %q, want %q", promQL, got, want)
		}
	}
	if got := (expression{"wraft_raft_term", "{{ $labels.peer }}"}).wrong(have); len(got) != 1 {
		t.Errorf("a word of a label that is not there: %q", got)
	}
}
