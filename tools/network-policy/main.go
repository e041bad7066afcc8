// Command network-policy makes a node's kernel enforce the NetworkPolicies of a cluster whose pods hang on a plain
// bridge: it watches the API server and keeps one nftables table in step, for both versions of the Internet Protocol.
//
// Where the network engine of a cluster is another one (Cilium, Calico), that one enforces them and this does not run.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"k8s.io/client-go/rest"
)

// version is set by the linker from versions.toml.
var version string

const (
	// settle is how long changes are collected before they are acted on: what was stored together, a policy and
	// the pod that it is about, arrives on different connections.
	settle = 100 * time.Millisecond
	// inspect is how often the kernel's table is compared with what was loaded.
	inspect = 10 * time.Second
	// stuck is how long the loop may be silent before kubelet starts the program anew.
	stuck = 2 * time.Minute
)

func main() {
	bridge := flag.String("bridge", "cni0", "the bridge that all pods of this node hang on")
	listen := flag.String("listen", "127.0.0.1:20244", "where /healthz and /readyz answer")
	flag.Parse()
	if err := run(settings{node: os.Getenv("NODE_NAME"), bridge: *bridge}, *listen); err != nil {
		log.Fatal(err)
	}
}

// run works until it is told to stop. The table stays in the kernel: policies hold while nobody runs this.
func run(own settings, listen string) error {
	if own.node == "" {
		return errors.New("NODE_NAME is not set: it says whose pods are guarded here")
	}
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer cancel()
	access, err := rest.InClusterConfig()
	if err != nil {
		return fmt.Errorf("no access to the API server: %w", err)
	}
	access.UserAgent = "network-policy/" + version
	source, err := newSource(access)
	if err != nil {
		return err
	}
	health := &health{}
	server := &http.Server{Addr: listen, Handler: health.handler(), ReadHeaderTimeout: 5 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- server.ListenAndServe() }()

	log.Printf("network-policy %s guards the pods of %s on %s", version, own.node, own.bridge)
	go func() {
		if source.start(ctx) {
			keep(ctx, source, own, kernel{}, health)
		}
	}()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
		return server.Close()
	}
}

// keep makes the kernel's table follow the cluster, and repairs it when somebody else has changed it.
func keep(ctx context.Context, source *source, own settings, kernel kernel, health *health) {
	ticks := time.NewTicker(inspect)
	defer ticks.Stop()
	var loaded, seen string
	for {
		wanted := ruleset(source.state(), own)
		actual, err := kernel.read(ctx)
		if err == nil && (wanted != loaded || actual != seen) {
			begin := time.Now()
			if wanted == loaded {
				log.Print("somebody changed the table; it is loaded again")
			}
			if err = kernel.load(ctx, wanted); err == nil {
				loaded = wanted
				seen, err = kernel.read(ctx)
				log.Printf("loaded in %v", time.Since(begin).Round(time.Millisecond))
			}
		}
		if err != nil && ctx.Err() == nil {
			log.Print(err)
		}
		health.report(err)
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
		case <-source.changed:
			select {
			case <-ctx.Done():
			case <-time.After(settle):
			}
		}
	}
}
