package archtest

import (
	"fmt"
	"path"
	"strings"
)

// CheckNames refuses package names that say nothing.
func CheckNames(t *Tree) []Finding {
	var out []Finding
	for dir := range t.Packages() {
		if vagueNames[path.Base(dir)] {
			out = append(out, Finding{Rule: "names", Path: dir,
				What: fmt.Sprintf("a package named %s says nothing: name it for what it does", path.Base(dir))})
		}
	}
	return out
}

// baseName guesses the package name behind an import path: the last element
// that is not a major version, without a "go-" or "-go" around it.
func baseName(target string) string {
	parts := strings.Split(target, "/")
	last := parts[len(parts)-1]
	if len(parts) > 1 && len(last) > 1 && last[0] == 'v' && strings.Trim(last[1:], "0123456789") == "" {
		last = parts[len(parts)-2]
	}
	return strings.TrimSuffix(strings.TrimPrefix(last, "go-"), "-go")
}
