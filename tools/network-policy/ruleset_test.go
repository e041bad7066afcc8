package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

var update = flag.Bool("update", false, "write the golden file anew; read the difference")

var here = settings{node: "rg-cp-1", bridge: "cni0"}

func pod(place, address string, labels map[string]string) *corev1.Pod {
	namespace, name, _ := strings.Cut(place, "/")
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: labels},
		Spec: corev1.PodSpec{NodeName: here.node, Containers: []corev1.Container{{
			Ports: []corev1.ContainerPort{{Name: "http", ContainerPort: 8080, Protocol: corev1.ProtocolTCP}},
		}}},
		Status: corev1.PodStatus{Phase: corev1.PodRunning, PodIPs: []corev1.PodIP{{IP: address}}},
	}
}

func namespace(name string) *corev1.Namespace {
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		Name: name, Labels: map[string]string{"kubernetes.io/metadata.name": name},
	}}
}

// policy reads a policy as people write it.
func policy(t *testing.T, place, spec string) *networkingv1.NetworkPolicy {
	t.Helper()
	namespace, name, _ := strings.Cut(place, "/")
	found := &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	if err := yaml.UnmarshalStrict([]byte(spec), &found.Spec); err != nil {
		t.Fatal(err)
	}
	return found
}

// small is a cluster of two systems: `shop` with default-deny and what it needs, `bank` with one open door.
func small(t *testing.T) cluster {
	t.Helper()
	web := pod("shop/web", "10.64.0.2", map[string]string{"app": "web"})
	web.Status.PodIPs = append(web.Status.PodIPs, corev1.PodIP{IP: "fd00:64::2"})
	far := pod("bank/far", "10.64.1.9", map[string]string{"app": "far"})
	far.Spec.NodeName = "rg-worker-1"
	return cluster{
		pods: []*corev1.Pod{
			web,
			pod("shop/db", "10.64.0.3", map[string]string{"app": "db"}),
			pod("bank/api", "10.64.0.4", map[string]string{"app": "api"}),
			pod("free/one", "10.64.0.5", nil),
			far,
		},
		namespaces: []*corev1.Namespace{namespace("shop"), namespace("bank"), namespace("free")},
		policies: []*networkingv1.NetworkPolicy{
			policy(t, "shop/default-deny", "{podSelector: {}, policyTypes: [Ingress, Egress]}"),
			policy(t, "shop/to-db", `
podSelector: {matchLabels: {app: web}}
policyTypes: [Egress]
egress:
- to: [{podSelector: {matchLabels: {app: db}}}]
  ports: [{port: 5432}]
- to: [{ipBlock: {cidr: 10.9.0.0/16, except: [10.9.9.0/24]}}, {ipBlock: {cidr: "::/0"}}]
  ports: [{port: 8000, endPort: 8010, protocol: UDP}]`),
			policy(t, "shop/from-bank", `
podSelector: {matchLabels: {app: db}}
policyTypes: [Ingress]
ingress:
- from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: bank}}}]
  ports: [{port: http}]`),
			policy(t, "bank/anybody", "{podSelector: {matchLabels: {app: api}}, ingress: [{}]}"),
		},
	}
}

func TestTheWholeTableOfASmallCluster(t *testing.T) {
	const golden = "testdata/small.nft"
	got := ruleset(small(t), here)
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("the table is another one; go test -update, then read the difference:\n%s", got)
	}
}

func TestTheKernelsLanguageKnowsEveryRule(t *testing.T) {
	nft, err := exec.LookPath("nft")
	if err != nil {
		t.Skip("nft is not installed here; the live tests load the table")
	}
	check := exec.Command("unshare", "--user", "--map-root-user", "--net", nft, "--check", "-f", "-")
	check.Stdin = strings.NewReader(ruleset(small(t), here))
	if answer, err := check.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, answer)
	}
}

func TestTheOrderInWhichThingsAreToldChangesNothing(t *testing.T) {
	state := small(t)
	want := ruleset(state, here)
	for n := range state.pods {
		state.pods[0], state.pods[n] = state.pods[n], state.pods[0]
	}
	for n := range state.policies {
		state.policies[0], state.policies[n] = state.policies[n], state.policies[0]
	}
	if got := ruleset(state, here); got != want {
		t.Errorf("another table:\n%s", got)
	}
}

// rules are the allowed matches of the one pod `shop/db` under one policy more.
func rules(t *testing.T, spec string) string {
	t.Helper()
	state := small(t)
	state.policies = []*networkingv1.NetworkPolicy{policy(t, "shop/it", spec)}
	builder := newBuilder(state)
	one := builder.members[len(builder.members)-2]
	if one.Name != "db" {
		t.Fatalf("%s is not the pod of this test", one.Name)
	}
	for _, way := range []networkingv1.PolicyType{networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress} {
		if policies := builder.selecting(one, way); len(policies) > 0 {
			return fmt.Sprintf("%q", builder.allowed(policies[0], policies, way))
		}
	}
	return "not about it"
}

func TestWhatAPolicyAllows(t *testing.T) {
	const from = "{podSelector: {matchLabels: {app: db}}, ingress: ["
	const to = "{podSelector: {}, policyTypes: [Egress], egress: ["
	for name, one := range map[string]struct{ spec, want string }{
		"about other pods":    {"{podSelector: {matchLabels: {app: web}}, ingress: [{}]}", "not about it"},
		"nothing":             {"{podSelector: {}}", "[]"},
		"everything":          {from + "{}]}", `[""]`},
		"pods beside it":      {from + "{from: [{podSelector: {matchLabels: {app: web}}}]}]}", `["ip saddr { 10.64.0.2 }" "ip6 saddr { fd00:64::2 }"]`},
		"not those of others": {from + "{from: [{podSelector: {matchLabels: {app: api}}}]}]}", "[]"},
		"all of a namespace":  {from + "{from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: bank}}}]}]}", `["ip saddr { 10.64.0.4, 10.64.1.9 }"]`},
		"both at once":        {from + "{from: [{namespaceSelector: {}, podSelector: {matchLabels: {app: far}}}]}]}", `["ip saddr { 10.64.1.9 }"]`},
		"a port of everybody": {from + "{ports: [{port: 53, protocol: UDP}]}]}", `["udp dport 53"]`},
		"two ports":           {from + "{ports: [{port: 53}, {port: 80, endPort: 90}]}]}", `["tcp dport 53" "tcp dport 80-90"]`},
		"a protocol":          {from + "{ports: [{protocol: SCTP}]}]}", `["meta l4proto sctp"]`},
		"a name for a port":   {from + "{ports: [{port: http}]}]}", `["ip daddr . tcp dport { 10.64.0.3 . 8080 }"]`},
		"a name nobody has":   {from + "{ports: [{port: smtp}]}]}", "[]"},
		"a name of UDP":       {from + "{ports: [{port: http, protocol: UDP}]}]}", "[]"},
		"a name and both families": {from + "{from: [{podSelector: {matchLabels: {app: web}}}], ports: [{port: http}]}]}",
			`["ip saddr { 10.64.0.2 } ip daddr . tcp dport { 10.64.0.3 . 8080 }"]`},
		"a name over there": {to + "{to: [{podSelector: {matchLabels: {app: db}}}], ports: [{port: http}]}]}",
			`["ip daddr { 10.64.0.3 } ip daddr . tcp dport { 10.64.0.3 . 8080 }"]`},
		"the whole Internet":     {to + "{to: [{ipBlock: {cidr: 0.0.0.0/0, except: [10.0.0.0/8]}}]}]}", `["meta nfproto ipv4 ip daddr != 10.0.0.0/8"]`},
		"bits that do not count": {to + "{to: [{ipBlock: {cidr: 10.9.1.7/16}}]}]}", `["ip daddr 10.9.0.0/16"]`},
		"every way out":          {to + "{}]}", `[""]`},
	} {
		t.Run(name, func(t *testing.T) {
			if got := rules(t, one.spec); got != one.want {
				t.Errorf("got  %q\nwant %q", got, one.want)
			}
		})
	}
}

// entry is what the table says of an address in one direction; empty when it says nothing, which drops its packets.
func entry(script, direction, address string) string {
	_, after, _ := strings.Cut(script, "\tchain "+direction+" {")
	chain, _, _ := strings.Cut(after, "\t}\n")
	_, after, found := strings.Cut(chain, " "+address+" : ")
	if !found {
		return ""
	}
	verdict, _, _ := strings.Cut(after, " ")
	return strings.TrimRight(verdict, ",")
}

func TestWhomTheTableNames(t *testing.T) {
	state := small(t)
	for _, one := range []struct {
		name    string
		address string
		spoil   func(*corev1.Pod)
		want    string
	}{
		{"a pod without a policy is let through", "10.64.0.5", func(*corev1.Pod) {}, "return"},
		{"one that ended is not", "10.64.0.5", func(p *corev1.Pod) { p.Status.Phase = corev1.PodSucceeded }, ""},
		{"nor one of another node", "10.64.0.5", func(p *corev1.Pod) { p.Spec.NodeName = "elsewhere" }, ""},
		{"nor one that stands on the node's own network", "10.64.0.5", func(p *corev1.Pod) { p.Spec.HostNetwork = true }, ""},
		{"nor one whose address another has", "10.64.0.4", func(p *corev1.Pod) { p.Status.PodIPs[0].IP = "10.64.0.4" }, ""},
	} {
		t.Run(one.name, func(t *testing.T) {
			changed := state.pods[3].DeepCopy()
			one.spoil(changed)
			script := ruleset(cluster{
				pods:       []*corev1.Pod{state.pods[0], state.pods[2], changed},
				namespaces: state.namespaces,
			}, here)
			for _, direction := range []string{"from_pods", "to_pods"} {
				if got := entry(script, direction, one.address); got != one.want {
					t.Errorf("%s: %q, want %q", direction, got, one.want)
				}
			}
		})
	}
}
