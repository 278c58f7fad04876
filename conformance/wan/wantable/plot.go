package wantable

import (
	"fmt"
	"html"
	"math"
	"strings"
)

// Sizes of the plot, in its own units.
const (
	plotHeight  = 260.0
	plotLeft    = 56.0
	plotTop     = 40.0
	barWidth    = 14.0
	groupGap    = 26.0
	plotBelow   = 64.0
	legendWidth = 130.0
	// The scale begins at 50 ms: no write takes less than the round trip to a quorum.
	leastMillis = 50.0
)

var barColours = []string{"#1f6f8b", "#c2703d", "#8a9a5b", "#7d5a8c", "#999999"}

// Plot is the runs with no follower down as an SVG: a bar per system and loss from the
// median to the 99th percentile on a logarithmic scale, with a line at the median.
func Plot(runs []Run) string {
	var shown []Run
	most := 2 * leastMillis
	for _, r := range runs {
		if r.Down == 0 {
			shown = append(shown, r)
			most = max(most, r.Result.P99/1000)
		}
	}
	names, groups := systems(shown), grouped(shown)
	groupWidth := float64(len(names))*barWidth + groupGap
	width := max(plotLeft+float64(len(groups))*groupWidth, plotLeft+float64(len(names))*legendWidth) + 16
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%.0f" height="%.0f" font-family="sans-serif" font-size="11">`+"\n",
		width, plotTop+plotHeight+plotBelow)
	b.WriteString("<title>Latency of writes over links that lose packets: median to 99th percentile, ms</title>\n")
	b.WriteString(`<rect width="100%" height="100%" fill="white"/>` + "\n")
	scale := scaleTo(most)
	axis(&b, scale, most, width)
	for i, name := range names {
		x := plotLeft + float64(i)*legendWidth
		fmt.Fprintf(&b, `<rect x="%.1f" y="10" width="12" height="12" fill="%s"/><text x="%.1f" y="20">%s</text>`+"\n",
			x, colour(i), x+18, html.EscapeString(name))
	}
	for g, group := range groups {
		x := plotLeft + groupGap/2 + float64(g)*groupWidth
		for _, r := range group {
			bar(&b, scale, r, names, x)
		}
		share, burst, _ := strings.Cut(lossText(group[0].Loss), ", ")
		middle := x + float64(len(names))*barWidth/2
		fmt.Fprintf(&b, `<text x="%.1f" y="%.1f" text-anchor="middle">%s</text>`+"\n", middle, plotTop+plotHeight+18, html.EscapeString(share))
		fmt.Fprintf(&b, `<text x="%.1f" y="%.1f" text-anchor="middle" font-size="9">%s</text>`+"\n", middle, plotTop+plotHeight+32, html.EscapeString(burst))
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// scaleTo maps milliseconds to heights, the greatest to the top.
func scaleTo(most float64) func(millis float64) float64 {
	return func(millis float64) float64 {
		share := math.Log(max(millis, leastMillis)/leastMillis) / math.Log(most/leastMillis)
		return plotTop + plotHeight*(1-share)
	}
}

// axis draws a line at 50, 100, 200, 500, 1000 ms and so on.
func axis(b *strings.Builder, scale func(float64) float64, most, width float64) {
	for i, v := 0, leastMillis; v <= most; i++ {
		y := scale(v)
		fmt.Fprintf(b, `<line x1="%.1f" x2="%.1f" y1="%.1f" y2="%.1f" stroke="#dddddd"/><text x="%.1f" y="%.1f" text-anchor="end">%.0f ms</text>`+"\n",
			plotLeft, width-8, y, y, plotLeft-6, y+4, v)
		v *= []float64{2, 2, 2.5}[i%3]
	}
}

// bar draws one run; one that answered nothing is a cross.
func bar(b *strings.Builder, scale func(float64) float64, r Run, names []string, x float64) {
	for i, name := range names {
		if name != r.System {
			continue
		}
		x += float64(i) * barWidth
		if r.failed() {
			fmt.Fprintf(b, `<text x="%.1f" y="%.1f" text-anchor="middle" fill="%s">×</text>`+"\n", x+barWidth/2, plotTop+plotHeight, colour(i))
			return
		}
		high, low := scale(r.Result.P99/1000), scale(r.Result.P50/1000)
		fmt.Fprintf(b, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="%s"/>`, x, high, barWidth-2, max(low-high, 1), colour(i))
		fmt.Fprintf(b, `<line x1="%.1f" x2="%.1f" y1="%.1f" y2="%.1f" stroke="black" stroke-width="2"/>`+"\n", x, x+barWidth-2, low, low)
		return
	}
}

func colour(i int) string { return barColours[i%len(barColours)] }
