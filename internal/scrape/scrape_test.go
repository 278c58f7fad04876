package scrape

import (
	"reflect"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"net/http/httptest"
)

// TestParse reads what the library of the nodes writes.
func TestParse(t *testing.T) {
	registry := prometheus.NewRegistry()
	up := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "up", Help: "Help with {braces} 1"}, []string{"peer", "why"})
	up.WithLabelValues("2", "it said \"no\",\n {never} \\").Set(1.5e9)
	up.WithLabelValues("3", "").Set(0)
	plain := prometheus.NewCounter(prometheus.CounterOpts{Name: "plain_total"})
	plain.Add(7)
	registry.MustRegister(up, plain)
	rec := httptest.NewRecorder()
	promhttp.HandlerFor(registry, promhttp.HandlerOpts{}).ServeHTTP(rec, httptest.NewRequest("GET", "/metrics", nil))
	want := Samples{
		{"plain_total", nil, 7},
		{"up", map[string]string{"peer": "2", "why": "it said \"no\",\n {never} \\"}, 1.5e9},
		{"up", map[string]string{"peer": "3", "why": ""}, 0},
	}
	got := Parse(rec.Body.String())
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("got %+v\nof\n%s", got, rec.Body)
	}
	if sum, ok := got.Sum("up"); !ok || sum != 1.5e9 {
		t.Errorf("sum %v, %v", sum, ok)
	}
	if _, ok := got.Sum("down"); ok || len(got.Named("up")) != 2 {
		t.Error("samples of another name were counted")
	}
}

func TestLinesThatAreNoSample(t *testing.T) {
	for _, line := range []string{"", "# HELP x", "x", "x ", "x{", "x{a} 1", `x{a="b} 1`, `x{a="b"`, "x{} seven", `x{a=b} 1`} {
		if got := Parse(line + "\n"); len(got) != 0 {
			t.Errorf("%q: got %+v", line, got)
		}
	}
	if got := Parse("x{} 1 1700000000\n" + strings.Repeat("#", 10)); len(got) != 1 || got[0].Value != 1 {
		t.Errorf("got %+v", got)
	}
}
