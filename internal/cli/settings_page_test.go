package cli

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/wraft/wraft/internal/nodeconfig"
)

// settingRow is a row of docs/SETTINGS.md: a key, its default and what it may be.
type settingRow struct{ fallback, values string }

// settingRows reads docs/SETTINGS.md; a key that stands there twice is an error.
func settingRows(t *testing.T) map[string]settingRow {
	t.Helper()
	page, err := os.ReadFile("../../docs/SETTINGS.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]settingRow{}
	for _, line := range strings.Split(string(page), "\n") {
		cells := strings.Split(line, "|")
		if len(cells) != 7 || !strings.HasPrefix(cells[1], " `") {
			continue
		}
		key := strings.Trim(cells[1], " `")
		if _, twice := rows[key]; twice {
			t.Errorf("%s has two rows", key)
		}
		rows[key] = settingRow{strings.TrimSpace(cells[2]), strings.TrimSpace(cells[3])}
	}
	return rows
}

func TestThePageOfSettingsHasEveryKeyAndNoOther(t *testing.T) {
	var want []string
	for _, s := range settings {
		want = append(want, s.key)
	}
	for _, key := range nodeKeys {
		want = append(want, nodesKey+"[]."+key)
	}
	rows := settingRows(t)
	for _, key := range want {
		if _, ok := rows[key]; !ok {
			t.Errorf("docs/SETTINGS.md lacks %s", key)
		}
		delete(rows, key)
	}
	for key := range rows {
		t.Errorf("docs/SETTINGS.md has %s, which is no key", key)
	}
}

// refused reports what is wrong with a key's value, "" when nothing is.
func refused(t *testing.T, s setting, value string) string {
	t.Helper()
	l, err := loadLayers(writeLayered(t), []string{s.variable() + "=" + value}, nil)
	if err != nil {
		return err.Error()
	}
	if err := l.config.Validate(); err != nil {
		for _, line := range strings.Split(err.Error(), "\n") {
			if strings.HasPrefix(line, s.key+":") {
				return line
			}
		}
	}
	return ""
}

var (
	quoted   = regexp.MustCompile("`([^`]*)`")
	interval = regexp.MustCompile(`^([0-9]\S*) to ([0-9][^\s,]*)`)
	least    = regexp.MustCompile(`^(\S+) or more$`)
)

// TestThePageOfSettingsIsRight: defaults are those of a node, listed values are taken, and of a range the
// ends are taken and what is next to them is not.
func TestThePageOfSettingsIsRight(t *testing.T) {
	rows := settingRows(t)
	file := writeLayered(t)
	bare, err := loadLayers(file, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, s := range settings {
		row := rows[s.key]
		if m := quoted.FindStringSubmatch(row.fallback); m != nil && m[0] == row.fallback && bare.from[s.key] == "" {
			set, err := loadLayers(file, []string{s.variable() + "=" + m[1]}, nil)
			if got, want := valueOf(set.config, s.key), valueOf(bare.config, s.key); err != nil || got != want {
				t.Errorf("%s: the default is %s, and the page says %s (%v)", s.key, want, m[1], err)
			}
			checked++
		}
		for _, m := range quoted.FindAllStringSubmatch(row.values, -1) {
			if problem := refused(t, s, m[1]); problem != "" {
				t.Errorf("%s: %s is refused: %s", s.key, m[1], problem)
			}
			if problem := refused(t, s, m[1]+"x"); problem == "" {
				t.Errorf("%s: %sx is taken", s.key, m[1])
			}
			checked++
		}
		if m := interval.FindStringSubmatch(row.values); m != nil {
			checkEnd(t, s, m[1], -1)
			checkEnd(t, s, m[2], +1)
			checked++
		}
		if m := least.FindStringSubmatch(row.values); m != nil {
			checkEnd(t, s, m[1], -1)
			checked++
		}
	}
	if checked < 40 {
		t.Errorf("%d facts of the page were checked: has its form changed?", checked)
	}
}

// checkEnd checks that the end of a range is taken, and what lies one step beyond is not.
func checkEnd(t *testing.T, s setting, end string, step int) {
	t.Helper()
	if problem := refused(t, s, end); problem != "" {
		t.Errorf("%s: %s is refused: %s", s.key, end, problem)
	}
	// Why 0 is left out: it stands for the default.
	if beyond := stepped(t, s, end, step); beyond != "0" && refused(t, s, beyond) == "" {
		t.Errorf("%s: %s is the end by the page, and %s is taken", s.key, end, beyond)
	}
}

// stepped is the value next to another one, in the unit that the key's type counts in.
func stepped(t *testing.T, s setting, value string, step int) string {
	t.Helper()
	v := reflect.ValueOf(nodeconfig.Config{})
	for _, name := range strings.Split(s.key, keyDelimiter) {
		v = fieldOf(v, name)
	}
	switch v.Interface().(type) {
	case nodeconfig.Size:
		n, err := nodeconfig.ParseSize(value)
		if err != nil {
			t.Fatal(err)
		}
		return strconv.FormatInt(int64(n)+int64(step), 10)
	case time.Duration:
		d, err := time.ParseDuration(value)
		if err != nil {
			t.Fatal(err)
		}
		return (d + time.Duration(step)).String()
	case string: // a share
		share, err := strconv.ParseFloat(value, 64)
		if err != nil {
			t.Fatal(err)
		}
		return strconv.FormatFloat(share+float64(step)/100, 'f', -1, 64)
	default:
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return strconv.FormatInt(n+int64(step), 10)
	}
}

// writeLayered writes the file that the tests of layers use, and returns its name.
func writeLayered(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "wraft.yaml")
	if err := os.WriteFile(file, []byte(layeredYAML), 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

// TestLinksOfTheSettingsPage: each link leads to a heading that is there.
func TestLinksOfTheSettingsPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/SETTINGS.md")
	if err != nil {
		t.Fatal(err)
	}
	operations, err := os.ReadFile("../../docs/OPERATIONS.md")
	if err != nil {
		t.Fatal(err)
	}
	var anchors []string
	for _, line := range strings.Split(string(operations), "\n") {
		if heading := strings.TrimLeft(line, "#"); heading != line {
			anchors = append(anchors, strings.ReplaceAll(strings.ToLower(strings.TrimSpace(heading)), " ", "-"))
		}
	}
	links := regexp.MustCompile(`OPERATIONS\.md#([a-z-]+)`).FindAllStringSubmatch(string(page), -1)
	if len(links) < 10 {
		t.Errorf("%d links", len(links))
	}
	for _, link := range links {
		if !slices.Contains(anchors, link[1]) {
			t.Errorf("no heading of OPERATIONS.md is %q", link[1])
		}
	}
}
