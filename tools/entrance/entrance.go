package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"strings"
	"sync/atomic"
	"time"
)

const (
	headersWithin = 10 * time.Second
	idle          = 75 * time.Second
	connectWithin = 3 * time.Second
	answerWithin  = 60 * time.Second
	headerBytes   = 64 << 10
	// strict tells browsers to come by TLS alone for a year (RFC 6797).
	strict = "max-age=31536000"
)

// suites are those of TLS 1.2 that keep a recorded conversation secret when the key is stolen later; TLS 1.3 has its own.
var suites = []uint16{
	tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
	tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
	tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
	tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
	tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
}

// entrance answers users from the newest table.
type entrance struct {
	table  atomic.Pointer[table]
	guard  *guard
	counts *counts
}

// secureServer is where users come by TLS. A name that is not served ends the handshake: nothing is shown to whoever
// only tries addresses.
func (e *entrance) secureServer(address string) *http.Server {
	return server(address, e.counts.logged(http.HandlerFunc(e.answer)), &tls.Config{
		MinVersion:   tls.VersionTLS12,
		CipherSuites: suites,
		// Asked before a session is resumed, too.
		GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			_, err := e.certificate(hello)
			return nil, err
		},
		GetCertificate: e.certificate,
	})
}

// plainServer sends users of the names that are served to TLS, and answers nothing else.
func (e *entrance) plainServer(address string) *http.Server {
	return server(address, e.counts.logged(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := hostOf(r.Host)
		if e.table.Load().lookup(host, r.URL.Path) == nil {
			http.Error(w, "no such name here", http.StatusNotFound)
			return
		}
		// Other than 301, 308 lets nobody change the method (RFC 9110, 15.4.9).
		http.Redirect(w, r, "https://"+host+r.URL.RequestURI(), http.StatusPermanentRedirect)
	})), nil)
}

// healthServer is asked by the kubelet.
func (e *entrance) healthServer(address string) *http.Server {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if e.table.Load() == nil {
			http.Error(w, "the cluster has not been read yet", http.StatusServiceUnavailable)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
	return server(address, mux, nil)
}

func server(address string, handler http.Handler, config *tls.Config) *http.Server {
	return &http.Server{
		Addr:              address,
		Handler:           handler,
		TLSConfig:         config,
		ReadHeaderTimeout: headersWithin,
		IdleTimeout:       idle,
		MaxHeaderBytes:    headerBytes,
		// Of broken handshakes a public address sees thousands a day.
		ErrorLog: log.New(quiet{}, "", 0),
	}
}

func (e *entrance) certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	if now := e.table.Load(); now != nil {
		if site := now.sites[hostOf(hello.ServerName)]; site != nil {
			return site.certificate, nil
		}
	}
	return nil, errors.New("no such name here")
}

// answer hands a request on to the service behind its name.
func (e *entrance) answer(w http.ResponseWriter, r *http.Request) {
	host := hostOf(r.Host)
	if host != hostOf(r.TLS.ServerName) {
		http.Error(w, "this connection is for another name", http.StatusMisdirectedRequest)
		return
	}
	way := e.table.Load().lookup(host, r.URL.Path)
	if way == nil {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Strict-Transport-Security", strict)
	noteOf(r).way = way
	if way.target == nil {
		http.Error(w, "nobody answers behind this name yet", http.StatusServiceUnavailable)
		return
	}
	proxied := r.WithContext(context.WithValue(r.Context(), wayKey{}, way))
	e.guard.before(way.class, proxy).ServeHTTP(w, proxied)
}

type wayKey struct{}

// proxy passes a request on as it came, with where it came from: what a client says of that itself is taken out.
var proxy = &httputil.ReverseProxy{
	Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(r.In.Context().Value(wayKey{}).(*way).target)
		r.Out.Host = r.In.Host
		r.Out.Header.Del("X-Real-Ip")
		r.SetXForwarded()
	},
	Transport: &http.Transport{
		DialContext:           (&net.Dialer{Timeout: connectWithin, KeepAlive: 30 * time.Second}).DialContext,
		MaxIdleConnsPerHost:   32,
		IdleConnTimeout:       idle,
		ResponseHeaderTimeout: answerWithin,
		DisableCompression:    true,
	},
	ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
		noteOf(r).problem = err.Error()
		noteOf(r).left = r.Context().Err() != nil
		code := http.StatusBadGateway
		if timeout := net.Error(nil); errors.As(err, &timeout) && timeout.Timeout() {
			code = http.StatusGatewayTimeout
		}
		http.Error(w, fmt.Sprintf("nobody answers behind this name (%d)", code), code)
	},
	ErrorLog: log.New(quiet{}, "", 0),
}

// hostOf is a name without port and final dot, in small letters.
func hostOf(text string) string {
	if host, _, err := net.SplitHostPort(text); err == nil {
		text = host
	}
	return strings.TrimSuffix(strings.ToLower(text), ".")
}

// quiet hands what libraries say to those who look for it.
type quiet struct{}

func (quiet) Write(text []byte) (int, error) {
	slog.Debug(strings.TrimSpace(string(text)))
	return len(text), nil
}
