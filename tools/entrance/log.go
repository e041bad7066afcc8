package main

import (
	"bufio"
	"context"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// note is what is learnt of a request while it is answered.
type note struct {
	way     *way // of the name that it was for
	left    bool // whether its user was gone before an answer came
	problem string
	rules   []int // of the firewall, that it broke
}

type noteKey struct{}

func noteOf(r *http.Request) *note {
	found, _ := r.Context().Value(noteKey{}).(*note)
	if found == nil {
		return &note{}
	}
	return found
}

// logged counts every request and writes one line for it: who, what and how it ended. What stands behind the question mark of an
// address, and every body, is left out: it may be somebody's data.
func (c *counts) logged(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begun := time.Now()
		own := &note{}
		seen := &counted{ResponseWriter: w, status: http.StatusOK}
		whole := false // an answer that breaks off ends this by a panic, which the server takes
		defer func() {
			left := own.left || !whole && r.Context().Err() != nil
			c.add(own.way, classOf(seen.status, left, whole), time.Since(begun))
			attributes := []any{
				"from", r.RemoteAddr, "host", r.Host, "method", r.Method, "path", r.URL.Path, "secure", r.TLS != nil,
				"status", seen.status, "bytes", seen.bytes, "ms", time.Since(begun).Milliseconds(),
			}
			if own.way != nil {
				attributes = append(attributes, "ingress", own.way.owner)
			}
			if len(own.rules) > 0 {
				attributes = append(attributes, "rules", own.rules)
			}
			if own.problem != "" {
				attributes = append(attributes, "problem", own.problem)
			}
			slog.Info("request", attributes...)
		}()
		next.ServeHTTP(seen, r.WithContext(context.WithValue(r.Context(), noteKey{}, own)))
		whole = true
	})
}

// counted remembers how an answer began and how long it was.
type counted struct {
	http.ResponseWriter
	status int
	bytes  int64
}

func (c *counted) WriteHeader(status int) {
	c.status = status
	c.ResponseWriter.WriteHeader(status)
}

func (c *counted) Write(data []byte) (int, error) {
	written, err := c.ResponseWriter.Write(data)
	c.bytes += int64(written)
	return written, err
}

// Flush, for answers that are sent as they come.
func (c *counted) Flush() {
	if flusher, ok := c.ResponseWriter.(http.Flusher); ok {
		flusher.Flush()
	}
}

// Hijack hands the connection over, for web sockets.
func (c *counted) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	c.status = http.StatusSwitchingProtocols
	return http.NewResponseController(c.ResponseWriter).Hijack()
}
