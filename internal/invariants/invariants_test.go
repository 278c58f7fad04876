package invariants

import (
	"errors"
	"strings"
	"testing"
)

// violation runs f and returns the Violation it panicked with, or nil.
func violation(t *testing.T, f func()) (v *Violation) {
	t.Helper()
	defer func() {
		r := recover()
		if r == nil {
			return
		}
		err, ok := r.(error)
		if !ok || !errors.As(err, &v) {
			t.Fatalf("panicked with %v, want a *Violation", r)
		}
	}()
	f()
	return nil
}

func TestCheckHolds(t *testing.T) {
	if v := violation(t, func() { Check(true, "commit %d", 7) }); v != nil {
		t.Fatalf("Check(true) panicked: %v", v)
	}
}

func TestCheckBroken(t *testing.T) {
	v := violation(t, func() { Check(1 > 2, "commit went back from %d to %d", 7, 5) })
	if v == nil {
		t.Fatal("Check(false) did not panic")
	}
	if !strings.Contains(v.Error(), "commit went back from 7 to 5") {
		t.Fatalf("the message %q does not print the state", v.Error())
	}
}

func TestViolated(t *testing.T) {
	if v := violation(t, func() { Violated("two leaders in term %d", 3) }); v == nil ||
		v.Message != "two leaders in term 3" {
		t.Fatalf("Violated panicked with %v", v)
	}
}
