package marked

import (
	"os"
	"path/filepath"
	"testing"
)

func TestUpdate(t *testing.T) {
	const begin, end = "<!-- begin -->\n", "<!-- end -->\n"
	for name, row := range map[string]struct{ page, want string }{
		"a table":      {"before\n" + begin + "old\n" + end + "after\n", "before\n" + begin + "new\n" + end + "after\n"},
		"an empty one": {begin + end, begin + "new\n" + end},
		"no marks":     {"text\n", ""},
		"no end":       {begin + "old\n", ""},
		"turned round": {end + begin, ""},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "page.md")
			if err := os.WriteFile(path, []byte(row.page), 0o600); err != nil {
				t.Fatal(err)
			}
			err := Update(path, begin, end, "new\n")
			got, readErr := os.ReadFile(path)
			if readErr != nil {
				t.Fatal(readErr)
			}
			if want := row.want; want == "" && (err == nil || string(got) != row.page) || want != "" && (err != nil || string(got) != want) {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
	if err := Update(filepath.Join(t.TempDir(), "nowhere"), begin, end, ""); err == nil {
		t.Error("a page that is not there was written")
	}
}
