package contexts

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func TestAFileIsReadAsItWasSaved(t *testing.T) {
	path := filepath.Join(t.TempDir(), "wraft", "contexts.yaml")
	f, err := Load(path)
	if err != nil || len(f.Contexts) != 0 {
		t.Fatalf("%+v, %v", f, err)
	}
	for _, c := range []Context{
		{Name: "prod", Servers: []string{"https://a:1", "b:2"}, CA: "/ca", Cert: "/c", Key: "/k"},
		{Name: "dev", Servers: []string{"d:1"}, Temporary: true},
	} {
		if err := f.Add(c); err != nil {
			t.Fatal(err)
		}
	}
	f.Current = "prod"
	if err := f.Save(path); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	got, err := Load(path)
	if err != nil || !reflect.DeepEqual(got, f) || got.Contexts[0].Name != "dev" {
		t.Fatalf("got %+v, %v\nwant %+v", got, err, f)
	}
	if left, err := os.ReadDir(filepath.Dir(path)); err != nil || len(left) != 1 {
		t.Errorf("%v, %v", left, err)
	}
}

func TestNamesAreUsedOnce(t *testing.T) {
	var f File
	lasting, passing := Context{Name: "a", Servers: []string{"h:1"}}, Context{Name: "b", Servers: []string{"h:1"}, Temporary: true}
	for _, c := range []Context{lasting, passing, passing} {
		if err := f.Add(c); err != nil {
			t.Fatal(err)
		}
	}
	both := passing
	both.Name = "a"
	if err := f.Add(both); !errors.Is(err, ErrExists) {
		t.Errorf("a temporary context took the place of a lasting one: %v", err)
	}
	f.Current = "a"
	if err := f.Remove("a"); err != nil || f.Current != "" || len(f.Contexts) != 1 {
		t.Errorf("%+v, %v", f, err)
	}
	if err := f.Remove("a"); !errors.Is(err, ErrUnknown) {
		t.Error(err)
	}
	if _, err := f.Find("a"); !errors.Is(err, ErrUnknown) {
		t.Error(err)
	}
}

func TestWhatMeansNothingIsRefused(t *testing.T) {
	for text, want := range map[string]string{
		"curent: x\ncontexts: []\n":                                          "curent",
		"contexts: 7\n":                                                      "contexts",
		"contexts: [{name: Big, servers: [a]}]\n":                            `"Big"`,
		"contexts: [{name: a}]\n":                                            "no servers",
		"contexts: [{name: a, servers: [h:1], cert: /c}]\n":                  "come together",
		"contexts: [{name: a, servers: [h:1]}, {name: a, servers: [h:1]}]\n": "twice",
		"a: [\n": "",
	} {
		path := filepath.Join(t.TempDir(), "contexts.yaml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(path); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%q: got %v", text, err)
		}
	}
}

func TestPath(t *testing.T) {
	for _, c := range []struct{ xdg, home, want string }{
		{"/x", "/h", "/x/wraft/contexts.yaml"}, {"", "/h", "/h/.config/wraft/contexts.yaml"}, {"", "", ""},
	} {
		got := Path(func(name string) string { return map[string]string{"XDG_CONFIG_HOME": c.xdg, "HOME": c.home}[name] })
		if got != c.want {
			t.Errorf("%+v: got %q", c, got)
		}
	}
}
