package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestJudge: what was rendered is accepted, and each mistake in it is not.
func TestJudge(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(renderedDir, "default.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	good := string(text)
	if n, err := judge(text); n != 5 || err != nil {
		t.Fatalf("%d objects: %v", n, err)
	}
	for name, c := range map[string]struct{ from, to, says string }{
		"a field that does not exist":    {"podManagementPolicy:", "podManagmentPolicy:", `unknown field "spec.podManagmentPolicy"`},
		"one deep inside":                {"readOnlyRootFilesystem:", "readonlyRootFilesystem:", "readonlyRootFilesystem"},
		"one in the wrong place":         {"  ordinals:\n    start: 1\n", "  start: 1\n", `unknown field "spec.start"`},
		"one that stands there twice":    {"  replicas: 3\n", "  replicas: 3\n  replicas: 4\n", "replicas"},
		"a word for a number":            {"  replicas: 3\n", "  replicas: three\n", "replicas"},
		"a number for a word":            {"imagePullPolicy: IfNotPresent", "imagePullPolicy: 7", "imagePullPolicy"},
		"a quantity that is none":        {"{storage: 20Gi}", "{storage: much}", "quantities must match"},
		"a container without a name":     {"- name: wraftd\n          image:", "- image:", ".spec.template.spec.containers[0].name is missing"},
		"a port without a number":        {"{name: native, port: 7443, ", "{name: native, ", ".spec.ports[1].port is missing"},
		"a set that selects nothing":     {"  selector:\n    matchLabels:\n      app.kubernetes.io/name: wraft\n      app.kubernetes.io/instance: wraft\n  template:", "  template:", ".spec.selector is missing"},
		"a kind that does not exist":     {"kind: StatefulSet", "kind: StatefullSet", "no kind"},
		"a version that is not there":    {"apiVersion: policy/v1\n", "apiVersion: policy/v1beta1\n", "no kind"},
		"a group that is not known here": {"apiVersion: policy/v1\n", "apiVersion: example.com/v1\n", "no kind"},
		"no object":                      {"apiVersion: policy/v1\n", "", "apiVersion"},
	} {
		bad := strings.Replace(good, c.from, c.to, 1)
		if bad == good {
			t.Errorf("%s: %q is not in what was rendered", name, c.from)
			continue
		}
		if _, err := judge([]byte(bad)); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
	}
}
