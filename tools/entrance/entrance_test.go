package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// authority signs certificates for one test.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	serial      int64
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{key: newKey(t)}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, a.key.Public(), a.key)
	must(t, err)
	a.certificate, err = x509.ParseCertificate(der)
	must(t, err)
	return a
}

func (a *authority) secret(t *testing.T, namespace, name, host string) *corev1.Secret {
	t.Helper()
	a.serial++
	key := newKey(t)
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(100 + a.serial), DNSNames: []string{host},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}, a.certificate, key.Public(), a.key)
	must(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	must(t, err)
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Data: map[string][]byte{
			"tls.crt": pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
			"tls.key": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}),
		},
	}
}

func (a *authority) client(address, name string, versions ...uint16) *http.Client {
	pool := x509.NewCertPool()
	pool.AddCert(a.certificate)
	config := &tls.Config{RootCAs: pool, ServerName: name}
	if len(versions) > 0 {
		config.MaxVersion = versions[0]
		config.MinVersion = versions[0]
	}
	return &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{TLSClientConfig: config, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "tcp", address)
		}},
	}
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	return key
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// ingress is one name of a namespace, led to its service `web`.
func ingress(namespace, class, host string, age time.Duration) *networkingv1.Ingress {
	prefix := networkingv1.PathTypePrefix
	return &networkingv1.Ingress{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Name: class, CreationTimestamp: metav1.NewTime(time.Now().Add(-age)),
		},
		Spec: networkingv1.IngressSpec{
			IngressClassName: &class,
			TLS:              []networkingv1.IngressTLS{{Hosts: []string{host}, SecretName: "web-tls"}},
			Rules: []networkingv1.IngressRule{{Host: host, IngressRuleValue: networkingv1.IngressRuleValue{
				HTTP: &networkingv1.HTTPIngressRuleValue{Paths: []networkingv1.HTTPIngressPath{{
					Path: "/", PathType: &prefix,
					Backend: networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{
						Name: "web", Port: networkingv1.ServiceBackendPort{Number: 8080},
					}},
				}}},
			}}},
		},
	}
}

func service(namespace, clusterIP string, port int32) *corev1.Service {
	return &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "web"},
		Spec: corev1.ServiceSpec{
			ClusterIP: clusterIP, Ports: []corev1.ServicePort{{Name: "http", Port: port}},
		},
	}
}

// scene is an entrance that serves one name of each class, both from one service that answers what it saw.
type scene struct {
	*authority
	entrance      *entrance
	secure, plain string
	backend       *url.URL
}

func newScene(t *testing.T, guarded ...string) *scene {
	t.Helper()
	behind := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/missing":
			http.NotFound(w, r)
			return
		case "/broken":
			w.WriteHeader(http.StatusInternalServerError)
			return
		case "/halfway":
			w.Header().Set("Content-Length", "100")
			w.Write([]byte("half"))
			return
		}
		fmt.Fprintf(w, "%s %s for %s by %s", r.Host, r.URL.Path, r.Header.Get("X-Forwarded-For"), r.Header.Get("X-Forwarded-Proto"))
	}))
	t.Cleanup(behind.Close)
	backend, err := url.Parse(behind.URL)
	must(t, err)
	guard, err := newGuard(guarded)
	must(t, err)
	s := &scene{authority: newAuthority(t), entrance: &entrance{guard: guard, counts: newCounts()}, backend: backend}
	s.serve(t)
	s.secure = s.listen(t, s.entrance.secureServer(""))
	s.plain = s.listen(t, s.entrance.plainServer(""))
	return s
}

// serve makes new keys for both names and serves them.
func (s *scene) serve(t *testing.T) {
	t.Helper()
	found := &table{sites: map[string]*site{}}
	for class, host := range map[string]string{"tslcd": "inner.example", "internet": "outer.example"} {
		secret := s.secret(t, "room", "web-tls", host)
		pair, err := tls.X509KeyPair(secret.Data["tls.crt"], secret.Data["tls.key"])
		must(t, err)
		found.sites[host] = &site{&pair, []way{{path: "/", target: s.backend, class: class, owner: "room/" + class}}}
	}
	s.entrance.counts.know(found)
	s.entrance.table.Store(found)
}

func (s *scene) listen(t *testing.T, server *http.Server) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	if server.TLSConfig != nil {
		go server.ServeTLS(listener, "", "")
	} else {
		go server.Serve(listener)
	}
	t.Cleanup(func() { server.Close() })
	return listener.Addr().String()
}

func text(t *testing.T, client *http.Client, address string, headers ...string) (int, string) {
	t.Helper()
	request, err := http.NewRequest(http.MethodGet, address, nil)
	must(t, err)
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	answer, err := client.Do(request)
	must(t, err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	must(t, err)
	return answer.StatusCode, string(body)
}

func TestARequestReachesTheServiceWithWhereItReallyCameFrom(t *testing.T) {
	s := newScene(t)
	code, body := text(t, s.client(s.secure, "inner.example"), "https://inner.example/a", "X-Forwarded-For", "9.9.9.9")
	if code != http.StatusOK || body != "inner.example /a for 127.0.0.1 by https" {
		t.Fatal(code, body)
	}
}

func TestAnUnknownNameEndsTheHandshake(t *testing.T) {
	s := newScene(t)
	for _, name := range []string{"other.example", "room.inner.example"} {
		if _, err := s.client(s.secure, name).Get("https://" + name + "/"); err == nil {
			t.Fatalf("%s was answered", name)
		}
	}
}

func TestAConnectionForOneNameIsNotForAnother(t *testing.T) {
	s := newScene(t)
	code, _ := text(t, s.client(s.secure, "outer.example"), "https://inner.example/")
	if code != http.StatusMisdirectedRequest {
		t.Fatal(code)
	}
}

func TestTLSBefore12IsRefused(t *testing.T) {
	s := newScene(t)
	for version, fine := range map[uint16]bool{tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true} {
		_, err := s.client(s.secure, "inner.example", version).Get("https://inner.example/")
		if (err == nil) != fine {
			t.Fatalf("%s: %v", tls.VersionName(version), err)
		}
	}
}

func TestWithoutTLSUsersAreSentToIt(t *testing.T) {
	s := newScene(t)
	answer, err := s.client(s.plain, "").Get("http://inner.example/a?b=c")
	must(t, err)
	if answer.StatusCode != http.StatusPermanentRedirect || answer.Header.Get("Location") != "https://inner.example/a?b=c" {
		t.Fatal(answer.StatusCode, answer.Header)
	}
	if code, _ := text(t, s.client(s.plain, ""), "http://other.example/"); code != http.StatusNotFound {
		t.Fatal(code)
	}
}

func TestTheFirewallLooksAtTheClassesThatAskForIt(t *testing.T) {
	s := newScene(t, "internet")
	attack := "/?id=" + url.QueryEscape("1' OR '1'='1' UNION SELECT password FROM users--")
	for _, one := range []struct {
		host, path string
		code       int
	}{
		{"outer.example", attack, http.StatusForbidden},
		{"outer.example", "/?id=1&name=Nguy%E1%BB%85n+V%C4%83n+An", http.StatusOK},
		{"inner.example", attack, http.StatusOK},
	} {
		code, _ := text(t, s.client(s.secure, one.host), "https://"+one.host+one.path, "User-Agent", "Mozilla/5.0", "Accept", "*/*")
		if code != one.code {
			t.Errorf("%s%s: %d", one.host, one.path, code)
		}
	}
}

func TestNewKeysComeIntoUseWithoutALostRequest(t *testing.T) {
	s := newScene(t)
	kept := s.client(s.secure, "inner.example")
	stop := make(chan struct{})
	var group sync.WaitGroup
	group.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				if code, _ := text(t, kept, "https://inner.example/"); code != http.StatusOK {
					t.Error(code)
				}
			}
		}
	})
	shown := func() string {
		answer, err := s.client(s.secure, "inner.example").Get("https://inner.example/")
		must(t, err)
		defer answer.Body.Close()
		return answer.TLS.PeerCertificates[0].SerialNumber.String()
	}
	before := shown()
	for range 5 {
		s.serve(t)
	}
	if shown() == before {
		t.Error("the old certificate is still shown")
	}
	close(stop)
	group.Wait()
}

func TestANameBelongsToTheNamespaceThatHadItFirst(t *testing.T) {
	a := newAuthority(t)
	table, problems := tableOf(state{
		ingresses: []*networkingv1.Ingress{
			ingress("thief", "tslcd", "a.example", time.Minute), ingress("owner", "tslcd", "a.example", time.Hour),
		},
		services: []*corev1.Service{service("owner", "10.0.0.1", 8080), service("thief", "10.0.0.2", 8080)},
		secrets:  []*corev1.Secret{a.secret(t, "owner", "web-tls", "a.example"), a.secret(t, "thief", "web-tls", "a.example")},
	})
	if way := table.lookup("a.example", "/x"); way == nil || way.target.Host != "10.0.0.1:8080" {
		t.Fatalf("%+v", way)
	}
	if len(problems) != 1 || !strings.Contains(problems[0], "a.example belongs to owner") {
		t.Fatal(problems)
	}
}

func TestWhatIsMissingIsTold(t *testing.T) {
	a := newAuthority(t)
	one := []*networkingv1.Ingress{ingress("room", "tslcd", "a.example", 0)}
	good := a.secret(t, "room", "web-tls", "a.example")
	for want, state := range map[string]state{
		"there is no secret web-tls":            {ingresses: one},
		"certificate is valid for b.example":    {ingresses: one, secrets: []*corev1.Secret{a.secret(t, "room", "web-tls", "b.example")}},
		"there is no service web":               {ingresses: one, secrets: []*corev1.Secret{good}},
		"service web has no address of its own": {ingresses: one, secrets: []*corev1.Secret{good}, services: []*corev1.Service{service("room", "", 8080)}},
		"service web has no such port":          {ingresses: one, secrets: []*corev1.Secret{good}, services: []*corev1.Service{service("room", "10.0.0.1", 80)}},
	} {
		table, problems := tableOf(state)
		if len(problems) != 1 || !strings.Contains(problems[0], want) {
			t.Errorf("%s: %v", want, problems)
		}
		if way := table.lookup("a.example", "/"); way != nil && way.target != nil {
			t.Errorf("%s: served", want)
		}
	}
}

func TestTheLongestPathDecides(t *testing.T) {
	ways := []way{{path: "/api", owner: "api"}, {path: "/", owner: "rest"}}
	table := &table{sites: map[string]*site{"a.example": {ways: ways}}}
	for path, owner := range map[string]string{"/api": "api", "/api/x": "api", "/apiary": "rest", "/": "rest"} {
		if found := table.lookup("a.example", path); found.owner != owner {
			t.Errorf("%s: %s", path, found.owner)
		}
	}
}
