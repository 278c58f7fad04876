package doctor

import (
	"errors"
	"fmt"

	"github.com/wraft/wraft/client"
)

// Finding is one thing that is not as it should be.
type Finding struct {
	// Check is the name of the check that found it.
	Check string `json:"check"`
	// Wrong is false for a note: something to know that nobody has to mend.
	Wrong bool `json:"wrong"`
	// Subject is what it is about: node 2, machine kv, cluster, here.
	Subject string `json:"subject"`
	// What was found, and what to Do.
	What string `json:"what"`
	Do   string `json:"do"`
	// See is an error code or a place in docs.
	See string `json:"see"`
}

// Result is what one check came to.
type Result struct {
	Check string `json:"check"`
	// About says in a few words what it looks at.
	About    string    `json:"about"`
	OK       bool      `json:"ok"`
	Findings []Finding `json:"findings"`
}

// Report is what all checks came to. Healthy is true when nothing is wrong; there may be notes.
type Report struct {
	Cluster string   `json:"cluster"`
	Healthy bool     `json:"healthy"`
	Checks  []Result `json:"checks"`
}

// check is one look at the facts.
type check struct {
	name, about string
	look        func(Facts) []Finding
}

// checks are in the order of a report.
var checks = []check{
	{"nodes", "every node answers and is ready", nodes},
	{"quorum", "votes that may be lost", quorum},
	{"groups", "leaders, and machines that do not run", groups},
	{"links", "connections between nodes", links},
	{"lag", "followers and machines that trail", lag},
	{"disks", "room, stalls and damage", disks},
	{"clocks", "clocks of the nodes", clocks},
	{"certificates", "when they expire", certificates},
	{"releases", "versions and feature levels", releases},
	{"host", "limits of this machine, as a node on it would meet them", host},
}

// Examine makes the report.
func Examine(f Facts) Report {
	r := Report{Cluster: f.Cluster.Cluster, Healthy: true}
	for _, c := range checks {
		res := Result{Check: c.name, About: c.about, OK: true, Findings: []Finding{}}
		for _, finding := range c.look(f) {
			finding.Check = c.name
			res.Findings = append(res.Findings, finding)
			res.OK = res.OK && !finding.Wrong
		}
		r.Healthy = r.Healthy && res.OK
		r.Checks = append(r.Checks, res)
	}
	return r
}

// operations is a place in docs/OPERATIONS.md.
func operations(anchor string) string { return "docs/OPERATIONS.md#" + anchor }

// nodeName is a node as the subject of a finding.
func nodeName(id client.NodeID) string { return "node " + id.String() }

// wrong is a finding that somebody has to act on.
func wrong(subject, see, do, format string, args ...any) Finding {
	return Finding{Wrong: true, Subject: subject, See: see, Do: do, What: fmt.Sprintf(format, args...)}
}

// note is a finding to know of.
func note(subject, see, do, format string, args ...any) Finding {
	f := wrong(subject, see, do, format, args...)
	f.Wrong = false
	return f
}

// ofProblem words a failed request of ours.
func ofProblem(subject string, err error) Finding {
	var p *client.Problem
	if !errors.As(err, &p) {
		return wrong(subject, string(client.CodeInternal), "Try again.", "%v", err)
	}
	return wrong(subject, string(p.Code), p.Hint, "%s: %s", p.Title, p.Detail)
}
