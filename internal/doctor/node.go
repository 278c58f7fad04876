package doctor

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/internal/metric"
	"github.com/wraft/wraft/internal/nodeconfig"
)

const (
	// freeBytesMin is the room on a disk below which a note is due.
	freeBytesMin = 1 << 30
	// clockSkewMax is how far clocks of two nodes may be apart.
	clockSkewMax = 2 * time.Second
	// expirySoon is how long before its end a certificate is to be renewed.
	expirySoon = 30 * 24 * time.Hour
)

// disks finds disks that are full, slow or rotten.
func disks(f Facts) (out []Finding) {
	for _, n := range f.answering() {
		subject := nodeName(n.ID)
		sum := func(name string) float64 { v, _ := n.Metrics.Sum(name); return v }
		free, measured := n.Metrics.Sum(metric.DiskFreeBytes)
		switch {
		case sum(metric.DiskFull) > 0:
			out = append(out, wrong(subject, string(client.CodeDiskFull), "Free space on its disk; it goes on by itself then.",
				"takes no commands: %s are free", inMiB(free)))
		case measured && free < freeBytesMin:
			out = append(out, note(subject, operations("disks"), "Free space on its disk before it takes no commands any more.", "%s are free", inMiB(free)))
		}
		if sum(metric.RaftDiskStalled) > 0 {
			out = append(out, wrong(subject, operations("disks"), "Replace a disk that is slow for long; until then it leads nothing.", "a write takes longer than disk.stall-timeout"))
		}
		if damaged := sum(metric.ScrubDamagedTotal) + sum(metric.SnapshotsDamagedTotal); damaged > 0 {
			out = append(out, wrong(subject, operations("a-damaged-disk"), "Replace the disk.", "%.0f files or entries were found to be rotten since it started", damaged))
		}
	}
	return out
}

func inMiB(bytes float64) string {
	return (nodeconfig.Size(bytes) / nodeconfig.MiB * nodeconfig.MiB).String()
}

// clocks compares the clocks of the nodes, as far as whole seconds tell.
func clocks(f Facts) []Finding {
	known := slices.DeleteFunc(f.answering(), func(n Node) bool { return !n.Ahead.Known })
	if len(known) < 2 {
		return nil
	}
	first := slices.MaxFunc(known, func(a, b Node) int { return cmp.Compare(a.Ahead.From, b.Ahead.From) })
	last := slices.MinFunc(known, func(a, b Node) int { return cmp.Compare(a.Ahead.To, b.Ahead.To) })
	apart := first.Ahead.From - last.Ahead.To
	if apart <= clockSkewMax {
		return nil
	}
	return []Finding{wrong(nodeName(first.ID), operations("see-how-it-is"), "Set the clocks of both, and have them kept: NTP, chrony.",
		"its clock is at least %v ahead of that of node %d: machines see the leader's time leap when leadership moves, and certificates begin and end early or late",
		apart.Round(100*time.Millisecond), last.ID)}
}

// certificates finds those that have expired or soon will.
func certificates(f Facts) (out []Finding) {
	add := func(subject, do string, expires time.Time) {
		day := expires.UTC().Format(time.DateOnly)
		switch left := expires.Sub(f.Now); {
		case left <= 0:
			out = append(out, wrong(subject, operations("certificates"), do, "the certificate expired on %s", day))
		case left < expirySoon:
			out = append(out, wrong(subject, operations("certificates"), do, "the certificate expires on %s, in %d days", day, int(left.Hours()/24)))
		}
	}
	for _, n := range f.answering() {
		if at, ok := n.Metrics.Sum(metric.CertificateExpiresSeconds); ok {
			add(nodeName(n.ID), "Renew it: wraftd certs renew", time.Unix(int64(at), 0))
		}
		if stuck, _ := n.Metrics.Sum(metric.CertificateFilesUnusable); stuck > 0 {
			out = append(out, wrong(nodeName(n.ID), operations("certificates"), "Read its log, and put the files right.", "its certificate files have changed and cannot be used"))
		}
	}
	for _, c := range f.Certificates {
		add(c.File, "Renew it: wraftd certs renew", c.Cert.NotAfter)
	}
	return out
}

// releases compares versions and feature levels.
func releases(f Facts) (out []Finding) {
	versions := map[string][]string{}
	lowest := uint32(0)
	for _, n := range f.answering() {
		for _, self := range n.Info.Nodes {
			if self.ID == n.ID && self.Version != "" {
				versions[self.Version] = append(versions[self.Version], n.ID.String())
			}
		}
	}
	for i, n := range f.Nodes {
		if i == 0 || n.FeatureLevel < lowest {
			lowest = n.FeatureLevel
		}
	}
	if len(versions) > 1 {
		var words []string
		for version, ids := range versions {
			words = append(words, fmt.Sprintf("%s on %s", version, strings.Join(ids, ", ")))
		}
		slices.Sort(words)
		out = append(out, note("cluster", operations("upgrade-wraftd"), "Finish the upgrade: one release on all nodes.", "releases differ: %s", strings.Join(words, "; ")))
	}
	if lowest > f.Cluster.FeatureLevel {
		out = append(out, note("cluster", operations("upgrade-wraftd"), "Raise it once nobody wants to go back: wraftd cluster raise-level",
			"all nodes serve feature level %d, the cluster uses %d", lowest, f.Cluster.FeatureLevel))
	}
	return out
}
