package cluster

import (
	"os"
	"testing"
)

func TestMetricsAreParsed(t *testing.T) {
	m := parseMetrics("# HELP a b c\n# TYPE a gauge\na{x=\"1\",y=\"\"} 2.5e+06\nb 7\nnonsense\n")
	if len(m) != 2 || m[`a{x="1",y=""}`] != 2.5e6 || m["b"] != 7 {
		t.Errorf("%v", m)
	}
}

func TestMessagesAreCounted(t *testing.T) {
	c := stopped(t)
	text := `{"level":"INFO","msg":"snapshot taken","group":2}` + "\n" + `{"msg":"replica begins from a snapshot"}` + "\n" + `{"msg":"snapshot taken","group":1}` + "\n"
	if err := os.WriteFile(c.Nodes[0].LogFile(), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if s, err := c.Snapshots(); err != nil || s != (Snapshots{Taken: 2, Restored: 1}) {
		t.Errorf("%+v, %v", s, err)
	}
}
