package toolchain

import (
	"fmt"
	"os"
	"path/filepath"
)

// installEnvironment names the folder that .ci/toolchains fills, where a user
// wants another one than the default.
const installEnvironment = "WRAFT_TOOLCHAINS"

// installDir is where .ci/toolchains puts the compilers of a language that come
// from npm: "wraft/toolchains/LANGUAGE" in the user's cache folder, or LANGUAGE in
// the folder that installEnvironment names.
func installDir(language string) string {
	if dir := os.Getenv(installEnvironment); dir != "" {
		return filepath.Join(dir, language)
	}
	cache, err := os.UserCacheDir()
	if err != nil { // no home: there is nothing to be found
		return ""
	}
	return filepath.Join(cache, "wraft", "toolchains", language)
}

// npmFile finds a file of an npm package, named by its path below node_modules: in
// the working directory or a folder above it, as Node looks for packages, and then
// where .ci/toolchains installs those of the language.
func npmFile(language, name string) (string, error) {
	var dirs []string
	if dir, err := os.Getwd(); err == nil {
		for ; ; dir = filepath.Dir(dir) {
			dirs = append(dirs, dir)
			if dir == filepath.Dir(dir) {
				break
			}
		}
	}
	if dir := installDir(language); dir != "" {
		dirs = append(dirs, dir)
	}
	for _, dir := range dirs {
		file := filepath.Join(dir, "node_modules", filepath.FromSlash(name))
		if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() {
			return file, nil
		}
	}
	return "", fmt.Errorf("no node_modules/%s above the working directory or in %s", name, installDir(language))
}
