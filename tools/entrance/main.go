// Command entrance is where users come into a cluster: it follows the Ingresses of some classes, answers for their
// names by TLS, and hands every request on to the service behind.
//
// It is put together from libraries: HTTP, TLS and the proxy are Go's own, the view of the cluster is client-go's, the
// web application firewall is OWASP Coraza with the OWASP core rule set. docs/adr says why there is no ready one.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"k8s.io/client-go/rest"
)

// version is set by the linker from versions.toml.
var version string

const (
	// settle is how long changes are collected before they are acted on: an Ingress and its key come one by one.
	settle = 50 * time.Millisecond
	// drain is how long open requests may take after a request to stop; kubelet waits longer.
	drain = 20 * time.Second
)

// names is a flag that may be given several times.
type names []string

func (n *names) String() string { return strings.Join(*n, ",") }

func (n *names) Set(value string) error {
	*n = append(*n, value)
	return nil
}

func main() {
	var own settings
	flag.Var((*names)(&own.classes), "class", "an ingress class whose names are served here; may be given again")
	flag.Var((*names)(&own.guarded), "guard", "a class whose requests pass the web application firewall first")
	flag.StringVar(&own.secure, "https", ":8443", "where users come by TLS")
	flag.StringVar(&own.plain, "http", ":8080", "where users are told to come by TLS")
	flag.StringVar(&own.metrics, "metrics", ":9090", "where watchers read figures")
	flag.StringVar(&own.health, "health", ":8081", "where /healthz and /readyz answer")
	flag.Parse()
	slog.SetDefault(slog.New(slog.NewJSONHandler(os.Stdout, nil)))
	if err := run(own); err != nil {
		slog.Error("ended", "error", err)
		os.Exit(1)
	}
}

// settings are what a deployment says.
type settings struct {
	classes, guarded               []string
	secure, plain, health, metrics string
}

func (s settings) check() error {
	if len(s.classes) == 0 {
		return errors.New("no -class: nothing would be served")
	}
	for _, class := range s.guarded {
		if !slices.Contains(s.classes, class) {
			return fmt.Errorf("-guard %s: that class is not served here", class)
		}
	}
	return nil
}

// run works until it is told to stop, then lets open requests end.
func run(own settings) error {
	if err := own.check(); err != nil {
		return err
	}
	access, err := rest.InClusterConfig()
	if err != nil {
		return fmt.Errorf("no access to the API server: %w", err)
	}
	access.UserAgent = "entrance/" + version
	source, err := newSource(access, own.classes)
	if err != nil {
		return err
	}
	entrance := &entrance{counts: newCounts()}
	if entrance.guard, err = newGuard(own.guarded); err != nil {
		return err
	}

	stop, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer cancel()
	servers := []*http.Server{
		entrance.secureServer(own.secure), entrance.plainServer(own.plain), entrance.healthServer(own.health),
		entrance.counts.metricsServer(own.metrics),
	}
	failed := make(chan error, len(servers))
	for _, server := range servers {
		go func() {
			if server.TLSConfig != nil {
				failed <- server.ListenAndServeTLS("", "")
			} else {
				failed <- server.ListenAndServe()
			}
		}()
	}
	slog.Info("started", "version", version, "classes", own.classes, "guarded", own.guarded)
	go func() {
		if source.start(stop) {
			follow(stop, source, entrance)
		}
	}()
	select {
	case err := <-failed:
		return err
	case <-stop.Done():
	}
	limit, done := context.WithTimeout(context.Background(), drain)
	defer done()
	var problems []error
	for _, server := range servers {
		problems = append(problems, server.Shutdown(limit))
	}
	return errors.Join(problems...)
}

// follow keeps what is served in step with the cluster. Open connections are not touched: what has changed holds from
// the next handshake and the next request on.
func follow(ctx context.Context, source *source, entrance *entrance) {
	var told []string
	for {
		table, problems := tableOf(source.state(ctx))
		entrance.counts.know(table)
		entrance.table.Store(table)
		if !slices.Equal(problems, told) {
			for _, problem := range problems {
				slog.Warn("not served", "problem", problem)
			}
			slog.Info("serving", "names", len(table.sites))
			told = problems
		}
		select {
		case <-ctx.Done():
			return
		case <-source.changed:
			select {
			case <-ctx.Done():
			case <-time.After(settle):
			}
		}
	}
}
