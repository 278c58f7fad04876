package tracecontext_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/trace"

	"github.com/wraft/wraft/internal/tracecontext"
)

const place = "00-0102030405060708090a0b0c0d0e0f10-1112131415161718-01"

// TestThereAndBack: what one process says of its place another one joins.
func TestThereAndBack(t *testing.T) {
	for _, parent := range []string{place, place[:len(place)-1] + "0"} {
		ctx := tracecontext.Join(context.Background(), parent, "a=1,b=2")
		if p, s := tracecontext.Of(ctx); p != parent || s != "a=1,b=2" {
			t.Errorf("%s became %s, %s", parent, p, s)
		}
		h := http.Header{}
		if tracecontext.SetHeader(ctx, h); h.Get(tracecontext.HeaderParent) != parent || h.Get(tracecontext.HeaderState) != "a=1,b=2" {
			t.Errorf("%s became %v", parent, h)
		}
		if tracecontext.Sampled(ctx) != strings.HasSuffix(parent, "1") {
			t.Errorf("%s: sampled is %v", parent, tracecontext.Sampled(ctx))
		}
	}
	h := http.Header{}
	if tracecontext.SetHeader(context.Background(), h); len(h) != 0 {
		t.Errorf("outside of any trace: %v", h)
	}
	if p, s := tracecontext.Of(context.Background()); p != "" || s != "" {
		t.Errorf("outside of any trace: %q, %q", p, s)
	}
}

// TestStrangers: what is malformed or too long names no trace, or no state.
func TestStrangers(t *testing.T) {
	for _, parent := range []string{
		"", "-", "00", strings.ToUpper(place), place + "-more", "ff" + place[2:], "00-00000000000000000000000000000000-1112131415161718-01",
		"00-0102030405060708090a0b0c0d0e0f10-0000000000000000-01", place[:54], "\x00" + place[1:], strings.Repeat("0", 1<<20), "01" + place[2:] + "-" + strings.Repeat("x", 1<<20),
	} {
		if ctx := tracecontext.Join(context.Background(), parent, "a=1"); trace.SpanContextFromContext(ctx).IsValid() {
			t.Errorf("%.80q is a place", parent)
		}
	}
	for _, state := range []string{"=", "a=1,a=2", "a", "a=\x00", strings.Repeat("a", 1<<20), "a=" + strings.Repeat("b", tracecontext.StateBytesMax)} {
		p, s := tracecontext.Of(tracecontext.Join(context.Background(), place, state))
		if p != place || s != "" {
			t.Errorf("%.80q: became %q, %.80q", state, p, s)
		}
	}
}

func TestHeader(t *testing.T) {
	for name, row := range map[string]struct {
		h           http.Header
		parent, has string
	}{
		"none":        {http.Header{}, "", ""},
		"both":        {http.Header{"Traceparent": {place}, "Tracestate": {"a=1", "b=2"}}, place, "a=1,b=2"},
		"given twice": {http.Header{"Traceparent": {place, place}}, "", ""},
		"state alone": {http.Header{"Tracestate": {"a=1"}}, "", ""},
		"many, many":  {http.Header{"Traceparent": {place}, "Tracestate": make([]string, 1<<16)}, place, ""},
	} {
		if p, s := tracecontext.Of(tracecontext.JoinHeader(context.Background(), row.h)); p != row.parent || s != row.has {
			t.Errorf("%s: %q, %q", name, p, s)
		}
	}
}

// TestNoTraceCostsNothing: both are asked for each command.
func TestNoTraceCostsNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if n := testing.AllocsPerRun(100, func() { _ = tracecontext.Sampled(ctx); _, _ = tracecontext.Of(ctx) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
