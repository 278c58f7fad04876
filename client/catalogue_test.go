package client

import (
	"errors"
	"os"
	"regexp"
	"strings"
	"testing"
)

func TestCatalogueIsComplete(t *testing.T) {
	form := regexp.MustCompile(`^WRAFT-[1-79]\d{3}$`)
	last := Code("")
	for _, k := range Kinds() {
		if !form.MatchString(string(k.Code)) {
			t.Errorf("%s: not of the form WRAFT-NNNN", k.Code)
		}
		if k.Code <= last {
			t.Errorf("%s stands after %s: the catalogue must be in order, without repeats", k.Code, last)
		}
		last = k.Code
		if k.Title == "" || k.Hint == "" || !strings.HasSuffix(k.About, ".") || k.Exit == ExitOK {
			t.Errorf("%s: a title, a hint, a sentence and a failing exit code are required: %+v", k.Code, k)
		}
		if k.Retryable && k.Outcome != NotApplied {
			t.Errorf("%s: retryable promises that nothing was applied", k.Code)
		}
		if k.Status != 0 && (k.Status < 400 || k.Status > 599) {
			t.Errorf("%s: status %d is no error", k.Code, k.Status)
		}
	}
}

// TestEveryCodeIsOfAKind: a constant that the table lacks would be answered as an internal error,
// and have no page.
func TestEveryCodeIsOfAKind(t *testing.T) {
	source, err := os.ReadFile("catalogue.go")
	if err != nil {
		t.Fatal(err)
	}
	codes := regexp.MustCompile(`(?m)^\t(Code\w+) +Code = "(WRAFT-\d+)"$`).FindAllStringSubmatch(string(source), -1)
	if len(codes) != len(Kinds()) {
		t.Errorf("%d codes, %d kinds", len(codes), len(Kinds()))
	}
	for _, c := range codes {
		if _, ok := Lookup(Code(c[2])); !ok {
			t.Errorf("%s, %s, is of no kind", c[1], c[2])
		}
	}
}

func TestNewProblemOfUnlistedCodeIsInternal(t *testing.T) {
	if p := NewProblem("WRAFT-0000", "x"); p.Code != CodeInternal || p.Status != 500 {
		t.Fatalf("got %+v", p)
	}
}

func TestProblemMatchesSentinels(t *testing.T) {
	sentinels := []error{ErrUnknownOutcome, ErrUnavailable, ErrNotFound, ErrConflict, ErrSessionExpired, ErrRefused, ErrBackpressure}
	for code, want := range map[Code][]error{
		CodeTimeoutUnknown: {ErrUnknownOutcome},
		CodeConnectionLost: {ErrUnknownOutcome},
		CodeTimeout:        {ErrUnavailable},
		CodeNoLeader:       {ErrUnavailable},
		CodeUnreachable:    {ErrUnavailable},
		CodeUnknownMachine: {ErrNotFound},
		CodeMachineExists:  {ErrConflict},
		CodeSessionExpired: {ErrConflict, ErrSessionExpired},
		CodeModuleRefused:  {ErrRefused},
		CodeBackpressure:   {ErrUnavailable, ErrBackpressure},
		CodeBadRequest:     nil,
	} {
		for _, s := range sentinels {
			expect := false
			for _, w := range want {
				expect = expect || w == s
			}
			if got := errors.Is(NewProblem(code, ""), s); got != expect {
				t.Errorf("%s is %v: got %v, want %v", code, s, got, expect)
			}
		}
	}
}

func TestCheckMachineName(t *testing.T) {
	for _, good := range []string{"a", "kv", "wasm-counter-2", strings.Repeat("a", MachineNameMax)} {
		if err := CheckMachineName(good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for _, bad := range []string{"", "A", "1a", "a_b", "a/b", "a-", "é", "a\x00", strings.Repeat("a", MachineNameMax+1)} {
		var p *Problem
		if err := CheckMachineName(bad); !errors.As(err, &p) || p.Code != CodeBadName {
			t.Errorf("%q: got %v", bad, err)
		}
	}
}

func TestParseDigest(t *testing.T) {
	d := DigestOf([]byte("abc"))
	if d != "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" {
		t.Fatalf("digest of abc is %s", d)
	}
	if got, err := ParseDigest(string(d)); err != nil || got != d {
		t.Fatalf("%v, %v", got, err)
	}
	if sum, ok := d.Sum(); !ok || DigestFromSum(sum) != d {
		t.Fatalf("sum of %s does not come back", d)
	}
	for _, bad := range []string{"", "sha256:", "sha256:ba", strings.ToUpper(string(d)), "md5" + string(d), string(d) + "00",
		"sha256:" + strings.ToUpper(string(d[7:]))} {
		if _, err := ParseDigest(bad); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}
