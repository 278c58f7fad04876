package wantable

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
)

const lines = `{"system":"wraft","loss":"0%","down":0,"load":"0.9","result":{"ops_per_s":220.4,"errors":0,"p50_us":72100,"p90_us":73000,"p99_us":80500,"max_us":99000}}
{"system":"wraft","loss":"2%x30ms","down":0,"load":"1.1","result":{"ops_per_s":200,"errors":0,"p50_us":75000,"p90_us":80000,"p99_us":101000,"max_us":150000}}
{"system":"etcd-cubic","loss":"0%","down":0,"load":"1.0","result":{"ops_per_s":210,"errors":1,"p50_us":74700,"p90_us":79900,"p99_us":87500,"max_us":98000}}
{"system":"etcd-cubic","loss":"2%x30ms","down":0,"load":"1.0","result":{}}
{"system":"wraft","loss":"2%x4","down":3,"load":"1.0","result":{"ops_per_s":190,"errors":0,"p50_us":75000,"p90_us":80000,"p99_us":101000,"max_us":150000}}
`

func runs(t *testing.T) []Run {
	t.Helper()
	got, err := Read(strings.NewReader(lines))
	if err != nil || len(got) != 5 {
		t.Fatalf("%d runs, %v", len(got), err)
	}
	return got
}

func TestTable(t *testing.T) {
	want := `| follower down | loss | system | writes/s | p50 ms | p90 ms | p99 ms | max ms | errors | load |
|---|---|---|---|---|---|---|---|---|---|
| none | 0 % | wraft | 220 | 72.1 | 73.0 | 80.5 | 99 | 0 | 0.9 |
| none | 0 % | etcd-cubic | 210 | 74.7 | 79.9 | 87.5 | 98 | 1 | 1.0 |
| none | 2 %, bursts of 30 ms | wraft | 200 | 75.0 | 80.0 | 101.0 | 150 | 0 | 1.1 |
| none | 2 %, bursts of 30 ms | etcd-cubic | none answered | - | - | - | - | 0 | 1.0 |
| node 3 | 2 %, bursts of 4 | wraft | 190 | 75.0 | 80.0 | 101.0 | 150 | 0 | 1.0 |
`
	if got := Table(runs(t)); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestLinkTable(t *testing.T) {
	if got := LinkTable(runs(t)); got != "" {
		t.Errorf("links out of nothing:\n%s", got)
	}
	measured, err := Read(strings.NewReader(`{"system":"wraft","loss":"2%x4","down":0,"result":{"ops_per_s":9},"links":[{"from":1,"to":2,"p50_us":70100,"p99_us":71900,"unanswered":3}]}`))
	if err != nil {
		t.Fatal(err)
	}
	want := "| loss | link | p50 ms | p99 ms | unanswered |\n|---|---|---|---|---|\n| 2 %, bursts of 4 | 1 – 2 | 70.1 | 71.9 | 3 |\n"
	if got := LinkTable(measured); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestPlot: it is well-formed, has a bar for each run that answered, a cross for each
// that did not, and a longer way up means a longer time.
func TestPlot(t *testing.T) {
	plot := Plot(runs(t))
	for d := xml.NewDecoder(strings.NewReader(plot)); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if n := strings.Count(plot, `stroke-width="2"`); n != 3 {
		t.Errorf("%d bars, want 3: one run answered nothing and one had a follower down", n)
	}
	if strings.Count(plot, "×") != 1 {
		t.Error("a run that answered nothing has no cross")
	}
	scale := scaleTo(400)
	if !(scale(400) < scale(100) && scale(100) < scale(50)) || scale(400) != plotTop || scale(10) != plotTop+plotHeight {
		t.Errorf("400 ms at %v, 100 at %v, 50 at %v, 10 at %v", scale(400), scale(100), scale(50), scale(10))
	}
}

func TestReadRefuses(t *testing.T) {
	for _, text := range []string{"", "x", "{}", `{"system":"wraft"}`} {
		if _, err := Read(strings.NewReader(text)); err == nil {
			t.Errorf("%q passes", text)
		}
	}
}
