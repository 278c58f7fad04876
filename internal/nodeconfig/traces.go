package nodeconfig

import (
	"fmt"
	"net/url"
	"strconv"
)

// Traces say where spans of requests go. May differ from node to node.
type Traces struct {
	// Endpoint is the base URL, http or https, of a collector that takes OTLP over HTTP; spans
	// are posted to v1/traces below it. Empty (default): no spans are made.
	Endpoint string `koanf:"endpoint"`
	// Ratio is the share of requests that are sampled, 0 to 1, as a decimal number; default
	// 0.01. Requests with a traceparent are as their sender decided. Why text: 0 is no default.
	Ratio string `koanf:"ratio"`
	// CA is a file with the authority of the collector's certificate, in PEM; default: those of
	// the system.
	CA string `koanf:"ca"`
}

const tracesRatioDefault = "0.01"

func (t Traces) withDefaults() Traces {
	setDefault(&t.Ratio, tracesRatioDefault)
	return t
}

// Share is Ratio as a number.
func (t Traces) Share() (float64, error) {
	share, err := strconv.ParseFloat(t.Ratio, 64)
	if err != nil || !(share >= 0 && share <= 1) { // Why not the other way round: NaN is neither
		return 0, fmt.Errorf("traces.ratio: %.40q is not a number from 0 to 1", t.Ratio)
	}
	return share, nil
}

func (t Traces) validate() []error {
	_, err := t.Share()
	problems := []error{err}
	if t.Endpoint == "" {
		return problems
	}
	at, err := url.Parse(t.Endpoint)
	switch {
	case err != nil || at.Host == "" || at.Scheme != "http" && at.Scheme != "https":
		problems = append(problems, fmt.Errorf("traces.endpoint: %.80q is not the URL of a collector: use one such as https://collector:4318", t.Endpoint))
	case at.RawQuery != "" || at.Fragment != "":
		problems = append(problems, fmt.Errorf("traces.endpoint: %.80q has more than a path: spans go to v1/traces below it", t.Endpoint))
	case t.CA != "" && at.Scheme == "http":
		problems = append(problems, fmt.Errorf("traces.ca: %.80q has no certificate to check: use https, or leave the authority out", t.Endpoint))
	}
	return problems
}
