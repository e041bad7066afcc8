package main

import (
	"os"
	"path/filepath"
	"testing"
)

func TestAFolderIsMadeForEverybodyAndRemovedWithAllInIt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "volume")
	for range 2 {
		if err := run("create", path); err != nil {
			t.Fatal(err)
		}
	}
	found, err := os.Stat(path)
	if err != nil || !found.IsDir() || found.Mode().Perm() != open {
		t.Fatalf("%v, %v", found, err)
	}
	if around, err := os.Stat(filepath.Dir(path)); err != nil || around.Mode().Perm() != closed {
		t.Fatalf("others may enter what holds the volumes: %v, %v", around, err)
	}
	if err := os.WriteFile(filepath.Join(path, "data"), []byte("kept"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := run("create", path); err != nil {
		t.Fatal(err)
	}
	if kept, err := os.ReadFile(filepath.Join(path, "data")); err != nil || string(kept) != "kept" {
		t.Fatalf("making it again lost what was in it: %q, %v", kept, err)
	}
	for range 2 {
		if err := run("delete", path); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Fatalf("it is still there: %v", err)
	}
}

func TestNothingElseIsTouched(t *testing.T) {
	for _, one := range []struct{ action, path string }{
		{"delete", ""}, {"delete", "/"}, {"delete", "/etc"}, {"delete", "volume"}, {"delete", "/volumes/../etc"},
		{"create", "/volume"}, {"keep", "/volumes/one"}, {"", "/volumes/one"},
	} {
		if err := check(one.action, one.path); err == nil {
			t.Errorf("%q %q may be done", one.action, one.path)
		}
	}
}
