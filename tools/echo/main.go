// Command echo answers every visitor with who it is: the proof that a system's pod, its Service and the way
// between them work.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"log"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// version is set by the linker from versions.toml.
var version string

// drainTime is how long open requests may take after a request to stop; kubelet waits 30 s.
const drainTime = 10 * time.Second

type identity struct {
	System  string `json:"system"`
	Site    string `json:"site"`
	Pod     string `json:"pod"`
	Version string `json:"version"`
}

func handler(self identity) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(self); err != nil {
			log.Printf("answer not sent: %v", err)
		}
	})
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNoContent)
	})
	return mux
}

func main() {
	self := identity{
		System: os.Getenv("SYSTEM"), Site: os.Getenv("SITE"), Pod: os.Getenv("POD"), Version: version,
	}
	server := &http.Server{Addr: ":8080", Handler: handler(self), ReadHeaderTimeout: 5 * time.Second}

	stop, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer cancel()
	drained := make(chan error, 1)
	go func() {
		<-stop.Done()
		limit, done := context.WithTimeout(context.Background(), drainTime)
		defer done()
		drained <- server.Shutdown(limit)
	}()

	log.Printf("echo %s listens on %s as %+v", version, server.Addr, self)
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		log.Fatal(err)
	}
	if err := <-drained; err != nil {
		log.Fatalf("requests were cut off: %v", err)
	}
}
