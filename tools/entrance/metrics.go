package main

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

const (
	// gone is the class of a request whose user left before the answer: nobody's failure.
	gone = "gone"
	// broken is the class of an answer that the service behind owes.
	broken = "5xx"
)

// bounds are the times, in seconds, at which answers are told apart; objectives of the model name one of them.
var bounds = []float64{0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10}

// counts is how many requests every system got, how they ended, and how long its answers took.
type counts struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
}

func newCounts() *counts {
	c := &counts{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "province_entrance_requests_total",
			Help: "Requests for names of a system, by the network whose class it is in and by how they were answered.",
		}, []string{"system", "network", "class"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "province_entrance_answer_seconds",
			Help:    "From the first line of a request to the last byte of its answer; failures and web sockets left out.",
			Buckets: bounds,
		}, []string{"system", "network"}),
	}
	c.registry.MustRegister(c.requests, c.seconds)
	return c
}

// know makes the figures of everything that is served, at nought: the first failure is then a change that can be seen.
func (c *counts) know(now *table) {
	for _, site := range now.sites {
		for i := range site.ways {
			for _, class := range []string{"2xx", "3xx", "4xx", broken} {
				c.requests.WithLabelValues(site.ways[i].system(), site.ways[i].class, class)
			}
			c.seconds.WithLabelValues(site.ways[i].system(), site.ways[i].class)
		}
	}
}

// add counts one request of a system. Requests for names that nobody has are in the log alone.
func (c *counts) add(way *way, class string, took time.Duration) {
	if c == nil || way == nil {
		return
	}
	c.requests.WithLabelValues(way.system(), way.class, class).Inc()
	if class != broken && class != gone && class != "1xx" {
		c.seconds.WithLabelValues(way.system(), way.class).Observe(took.Seconds())
	}
}

// classOf is how a request ended: the first digit of its status, unless its user left or its answer broke off.
func classOf(status int, left, whole bool) string {
	if left {
		return gone
	}
	if !whole {
		return broken
	}
	return fmt.Sprintf("%dxx", status/100)
}

// metricsServer is asked by the watchers of the site; who may come, the cluster's policy says.
func (c *counts) metricsServer(address string) *http.Server {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(c.registry, promhttp.HandlerOpts{Registry: c.registry}))
	return server(address, mux, nil)
}

// system is whose room a way leads to.
func (w way) system() string {
	room, _, _ := strings.Cut(w.owner, "/")
	return room
}
