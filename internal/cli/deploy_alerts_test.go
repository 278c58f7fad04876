package cli

import (
	"testing"
	"time"

	"github.com/knadh/koanf/parsers/yaml"
)

// TestDeployAlerts: the rules are complete. That their metrics are there is for
// conformance/e2e to say, which has nodes.
func TestDeployAlerts(t *testing.T) {
	file, err := yaml.Parser().Unmarshal([]byte(deployed(t, "prometheus/alerts.yaml")))
	if err != nil {
		t.Fatal(err)
	}
	groups, _ := file["groups"].([]any)
	if len(groups) != 1 {
		t.Fatalf("%d groups", len(groups))
	}
	rules, _ := groups[0].(map[string]any)["rules"].([]any)
	seen := map[any]bool{}
	for _, r := range rules {
		rule, _ := r.(map[string]any)
		text := func(in any, key string) string {
			of, _ := in.(map[string]any)
			value, _ := of[key].(string)
			return value
		}
		severity := text(rule["labels"], "severity")
		_, err := time.ParseDuration(text(rule, "for"))
		if seen[rule["alert"]] || err != nil || text(rule, "alert") == "" || text(rule, "expr") == "" || severity != "warning" && severity != "critical" ||
			text(rule["annotations"], "summary") == "" || text(rule["annotations"], "description") == "" {
			t.Errorf("incomplete, or there twice: %v", rule)
		}
		seen[rule["alert"]] = true
	}
	if len(seen) < 15 {
		t.Errorf("only %d rules", len(seen))
	}
}
