package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
)

// figures is what a watcher reads.
func figures(t *testing.T, s *scene) string {
	t.Helper()
	address := s.listen(t, s.entrance.counts.metricsServer(""))
	code, body := text(t, http.DefaultClient, "http://"+address+"/metrics")
	if code != http.StatusOK {
		t.Fatal(code)
	}
	return body
}

func TestRequestsAreCountedForTheirSystemByHowTheyEnd(t *testing.T) {
	s := newScene(t)
	for _, path := range []string{"/", "/", "/missing", "/broken", "/halfway"} {
		answer, err := s.client(s.secure, "inner.example").Get("https://inner.example" + path)
		if err == nil {
			answer.Body.Close()
		}
	}
	body := figures(t, s)
	for _, line := range []string{
		`province_entrance_requests_total{class="2xx",network="tslcd",system="room"} 2`,
		`province_entrance_requests_total{class="4xx",network="tslcd",system="room"} 1`,
		`province_entrance_requests_total{class="5xx",network="tslcd",system="room"} 2`,
		`province_entrance_requests_total{class="5xx",network="internet",system="room"} 0`,
		`province_entrance_answer_seconds_count{network="tslcd",system="room"} 3`,
		`province_entrance_answer_seconds_bucket{network="tslcd",system="room",le="0.5"} 3`,
	} {
		if !strings.Contains(body, line+"\n") {
			t.Errorf("missing: %s\n%s", line, body)
		}
	}
}

func TestAServiceThatIsAwayIsAFailureAndAUserWhoLeavesIsNone(t *testing.T) {
	s := newScene(t)
	inner, outer := &s.entrance.table.Load().sites["inner.example"].ways[0], &s.entrance.table.Load().sites["outer.example"].ways[0]
	inner.target = nil
	if code, _ := text(t, s.client(s.secure, "inner.example"), "https://inner.example/"); code != http.StatusServiceUnavailable {
		t.Fatal(code)
	}
	held := make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { close(held); <-r.Context().Done() }))
	t.Cleanup(slow.Close)
	outer.target, _ = url.Parse(slow.URL)
	limit, leave := context.WithCancel(context.Background())
	request, err := http.NewRequestWithContext(limit, http.MethodGet, "https://outer.example/", nil)
	must(t, err)
	go func() { <-held; leave() }()
	if _, err := s.client(s.secure, "outer.example").Do(request); err == nil {
		t.Fatal("answered")
	}
	counted := func(network, class string) float64 {
		return testutil.ToFloat64(s.entrance.counts.requests.WithLabelValues("room", network, class))
	}
	for end := time.Now().Add(5 * time.Second); counted("internet", gone) != 1; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("nobody counted who left")
		}
	}
	if counted("tslcd", broken) != 1 || counted("internet", broken) != 0 {
		t.Fatal(figures(t, s))
	}
}

func TestNamesThatNobodyHasAreNotCounted(t *testing.T) {
	s := newScene(t)
	text(t, s.client(s.plain, ""), "http://other.example/")
	text(t, s.client(s.secure, "outer.example"), "https://inner.example/")
	if strings.Contains(figures(t, s), "example") || testutil.CollectAndCount(s.entrance.counts.requests) != 8 {
		t.Fatal(figures(t, s))
	}
}
