package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
)

// Where the chart, values to render it with, and what comes of them lie.
const (
	chartDir    = "../helm/wraft"
	examplesDir = "../helm/examples"
	renderedDir = "../helm/rendered"
)

func main() {
	update := flag.Bool("update", false, "write what was rendered")
	flag.Parse()
	if err := run(*update); err != nil {
		fmt.Fprintln(os.Stderr, "helmcheck:", err)
		os.Exit(1)
	}
}

// run renders the chart with each file of example values.
func run(update bool) error {
	c, err := loader.Load(chartDir)
	if err != nil {
		return fmt.Errorf("load the chart: %w", err)
	}
	if err := c.Validate(); err != nil {
		return fmt.Errorf("%s: %w", chartDir, err)
	}
	examples, err := filepath.Glob(filepath.Join(examplesDir, "*.yaml"))
	if err != nil || len(examples) == 0 {
		return fmt.Errorf("%s holds no values: %w", examplesDir, errors.Join(err))
	}
	var problems []error
	objects := 0
	for _, file := range examples {
		text, err := render(c, file)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		n, err := judge(text)
		if objects += n; err != nil {
			problems = append(problems, fmt.Errorf("what the chart makes of %s is refused: %w", file, err))
		}
		problems = append(problems, settle(filepath.Join(renderedDir, filepath.Base(file)), text, update))
	}
	if err := errors.Join(problems...); err != nil {
		return err
	}
	fmt.Printf("helmcheck: examples=%d templates=%d objects=%d\n", len(examples), len(c.Templates), objects)
	return nil
}

// render is what `helm template wraft CHART --namespace prod --values FILE` prints, in the
// order of the templates' names.
func render(c *chart.Chart, file string) ([]byte, error) {
	values, err := chartutil.ReadValuesFile(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	release := chartutil.ReleaseOptions{Name: "wraft", Namespace: "prod", IsInstall: true}
	all, err := chartutil.ToRenderValues(c, values, release, chartutil.DefaultCapabilities)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	rendered, err := engine.Engine{Strict: true, LintMode: false}.Render(c, all)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	var out bytes.Buffer
	for _, name := range slices.Sorted(maps.Keys(rendered)) {
		text := strings.TrimSpace(rendered[name])
		if text == "" || !strings.HasSuffix(name, ".yaml") {
			continue
		}
		fmt.Fprintf(&out, "---\n# Source: %s\n%s\n", name, text)
	}
	return out.Bytes(), nil
}

// settle writes a rendered file, or compares it with the one that is there.
func settle(file string, text []byte, update bool) error {
	if update {
		return os.WriteFile(file, text, 0o644)
	}
	have, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if !bytes.Equal(have, text) {
		return fmt.Errorf("%s is not what the chart makes of its values; go run . -update writes it", file)
	}
	return nil
}
