package spec_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/wraft/wraft/plugins/instrument"
	"github.com/wraft/wraft/plugins/plugintest/spec"
)

// inShortMode are the beginnings of the scripts that are played in short mode.
var inShortMode = []string{"v2/memory", "v2/address", "v2/float_mem", "v2/bulk", "v2/call", "v2/unreached", "v2/exports"}

// TestSuite plays every script of the suite.
func TestSuite(t *testing.T) {
	folder, err := spec.Folder()
	if errors.Is(err, spec.ErrNoSuite) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	report := spec.NewReport()
	for _, version := range spec.Versions {
		scripts, err := spec.Load(folder, version)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range scripts {
			if testing.Short() && !starts(s.Name, inShortMode) {
				continue
			}
			if err := spec.Run(context.Background(), folder, s, report); err != nil {
				t.Fatalf("%s: %v", s.Name, err)
			}
		}
	}
	for n, f := range report.Failures {
		if n == failuresShown {
			t.Errorf("and %d more", len(report.Failures)-n)
			break
		}
		t.Error(f)
	}
	t.Logf("\n%s%s", report.Details(), report.Line())
	if least := 10; report.Modules < least || report.Assertions["assert_trap"] < least || report.Assertions["assert_return"] < least {
		t.Error("hardly anything was run")
	}
	if report.Shift != instrument.MapBytes {
		t.Errorf("memories begin at %d, want %d", report.Shift, instrument.MapBytes)
	}
}

const failuresShown = 50

func starts(name string, prefixes []string) bool {
	for _, p := range prefixes {
		if strings.HasPrefix(name, p) {
			return true
		}
	}
	return false
}
