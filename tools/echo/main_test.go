package main

import (
	"net/http/httptest"
	"strings"
	"testing"
)

func answer(t *testing.T, path string) (int, string) {
	t.Helper()
	reply := httptest.NewRecorder()
	handler(identity{System: "e-office", Site: "rach-gia", Pod: "web-0"}).ServeHTTP(
		reply, httptest.NewRequest("GET", path, nil))
	return reply.Code, strings.TrimSpace(reply.Body.String())
}

func TestItSaysWhoItIs(t *testing.T) {
	code, body := answer(t, "/")
	want := `{"system":"e-office","site":"rach-gia","pod":"web-0","version":""}`
	if code != 200 || body != want {
		t.Errorf("GET / = %d %s, want 200 %s", code, body, want)
	}
}

func TestItIsHealthyAndKnowsNoOtherPage(t *testing.T) {
	for path, want := range map[string]int{"/healthz": 204, "/else": 404} {
		if code, _ := answer(t, path); code != want {
			t.Errorf("GET %s = %d, want %d", path, code, want)
		}
	}
}
