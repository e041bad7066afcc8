package main

import (
	"errors"
	"net/http"
	"sync"
	"time"
)

// health is what the loop last said of itself.
type health struct {
	mutex sync.Mutex
	when  time.Time // of the last report; zero before the first
	err   error
}

func (h *health) report(err error) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	h.when, h.err = time.Now(), err
}

// ready is nil when the kernel enforces what the cluster holds.
func (h *health) ready() error {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	if h.when.IsZero() {
		return errors.New("the cluster has not been read yet")
	}
	return h.err
}

// alive is nil unless the loop has gone silent.
func (h *health) alive() error {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	if !h.when.IsZero() && time.Since(h.when) > stuck {
		return errors.New("silent since " + h.when.Format(time.RFC3339))
	}
	return nil
}

func (h *health) handler() http.Handler {
	mux := http.NewServeMux()
	for path, check := range map[string]func() error{"GET /healthz": h.alive, "GET /readyz": h.ready} {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
			if err := check(); err != nil {
				http.Error(w, err.Error(), http.StatusServiceUnavailable)
				return
			}
			w.WriteHeader(http.StatusNoContent)
		})
	}
	return mux
}
