// Command volume-folder makes or removes the folder of one volume on the disk of a node. The local path provisioner
// runs it in a pod on that node, with the folder that holds all volumes mounted.
package main

import (
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
)

// open is the mode of a new folder: which user a pod runs as is not known yet, and only its pod gets to see it, because
// the folder that holds all of them is closed to everybody else on the node.
const (
	open   = 0o777
	closed = 0o700
)

func main() {
	path := flag.String("p", "", "the folder, absolute")
	action := flag.String("a", "", "create or delete")
	// The provisioner says these too: how large the volume should be, which a folder cannot bound, and how it is used.
	flag.String("s", "", "size in bytes; a folder has none")
	flag.String("m", "", "Filesystem or Block; a folder is always the former")
	flag.Parse()
	if err := run(*action, *path); err != nil {
		log.Fatal(err)
	}
}

// check says why this is not done; nil when it may be.
func check(action, path string) error {
	if action != "create" && action != "delete" {
		return fmt.Errorf("%q is neither create nor delete", action)
	}
	if !filepath.IsAbs(path) || filepath.Clean(path) != path || filepath.Dir(path) == "/" {
		return fmt.Errorf("%q is not the absolute path of a folder in a folder", path)
	}
	return nil
}

// run does one action. Making a folder that is there, or removing one that is not, is no error.
func run(action, path string) error {
	if err := check(action, path); err != nil {
		return err
	}
	switch action {
	case "create":
		if err := os.Chmod(filepath.Dir(path), closed); err != nil {
			return err
		}
		if err := os.Mkdir(path, open); err != nil && !errors.Is(err, os.ErrExist) {
			return err
		}
		return os.Chmod(path, open) // whatever the umask left out
	default:
		return os.RemoveAll(path)
	}
}
