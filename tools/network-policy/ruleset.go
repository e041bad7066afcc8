package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// table is the one that this program owns; nobody else writes to it.
const table = "network_policy"

// judged is set in the mark of every packet that this program has looked at and let through. The firewall of the
// host passes no new connection of a pod without it, so a host on which this program never ran is closed, not open.
const judged = "0x10000"

// settings are what differs between nodes.
type settings struct {
	node   string
	bridge string // the device that all pods of the node hang on
}

// ruleset returns what `nft -f` reads to make the kernel enforce all policies for the pods of one node.
//
// It replaces the whole table in one transaction. A pod that the table does not name yet can neither open a
// connection nor be reached: its packets are dropped without an answer, so what it begins too early is tried again.
// The node itself always reaches its own pods, which is what probes need (the API's definition of NetworkPolicy
// asks for it); what a pod sends to its own node obeys the policies like everything else it sends.
func ruleset(state cluster, own settings) string {
	builder := newBuilder(state)
	outward := builder.verdicts(own.node, networkingv1.PolicyTypeEgress)
	inward := builder.verdicts(own.node, networkingv1.PolicyTypeIngress)

	lines := []string{
		"table inet " + table,
		"delete table inet " + table,
		"table inet " + table + " {",
		"\tchain forward {",
		"\t\ttype filter hook forward priority filter - 10; policy accept;",
		"\t\tct state established,related accept",
		fmt.Sprintf("\t\tiifname %q jump from_pods", own.bridge),
		fmt.Sprintf("\t\toifname %q jump to_pods", own.bridge),
		"\t\tmeta mark set meta mark | " + judged,
		"\t}",
		"\tchain input {",
		"\t\ttype filter hook input priority filter - 10; policy accept;",
		"\t\tct state established,related accept",
		fmt.Sprintf("\t\tiifname %q jump from_pods", own.bridge),
		"\t}",
	}
	lines = append(lines, dispatch("from_pods", "saddr", outward)...)
	lines = append(lines, dispatch("to_pods", "daddr", inward)...)
	names := make([]string, 0, len(builder.chains))
	for name := range builder.chains {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		lines = append(lines, "\tchain "+name+" {")
		for _, rule := range builder.chains[name] {
			lines = append(lines, "\t\t"+rule)
		}
		lines = append(lines,
			"\t\tlimit rate 10/minute burst 5 packets log prefix \"network policy: \"",
			"\t\tcounter reject with icmpx admin-prohibited",
			"\t}")
	}
	return strings.Join(append(lines, "}", ""), "\n")
}

// dispatch makes the chain that sends every pod's packets where its policies are, and drops the rest.
func dispatch(name, field string, verdicts map[netip.Addr]string) []string {
	lines := []string{
		"\tchain " + name + " {",
		// Neighbours on the bridge must find each other before they can be told anything.
		"\t\ticmpv6 type { nd-router-solicit, nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert } return",
		"\t\ticmpv6 type { mld-listener-query, mld-listener-report, mld-listener-done, mld2-listener-report } return",
	}
	for _, family := range families {
		var entries []string
		for address, verdict := range verdicts {
			if family.has(address) {
				entries = append(entries, address.String()+" : "+verdict)
			}
		}
		if len(entries) > 0 {
			slices.Sort(entries)
			lines = append(lines, fmt.Sprintf("\t\t%s %s vmap { %s }", family.word, field, strings.Join(entries, ", ")))
		}
	}
	return append(lines, "\t\tcounter drop comment \"not judged yet\"", "\t}")
}

// builder collects the chains that pods with the same policies share.
type builder struct {
	policies   []*networkingv1.NetworkPolicy
	members    []member
	namespaces map[string]map[string]string
	selectors  map[*metav1.LabelSelector]labels.Selector
	chains     map[string][]string
}

func newBuilder(state cluster) *builder {
	b := &builder{
		policies:   state.policies,
		members:    state.members(),
		namespaces: map[string]map[string]string{},
		selectors:  map[*metav1.LabelSelector]labels.Selector{},
		chains:     map[string][]string{},
	}
	for _, one := range state.namespaces {
		b.namespaces[one.Name] = one.Labels
	}
	return b
}

// verdicts says for every address of the node's pods what happens to packets in one direction: `return`, which lets
// them go on, where no policy is about the pod, else the chain with what its policies allow.
func (b *builder) verdicts(node string, direction networkingv1.PolicyType) map[netip.Addr]string {
	found := map[netip.Addr]string{}
	for _, pod := range b.members {
		if pod.Spec.NodeName != node || len(pod.addresses) == 0 {
			continue
		}
		verdict := "return"
		if policies := b.selecting(pod, direction); len(policies) > 0 {
			verdict = "goto " + b.chain(pod.Namespace, policies, direction)
		}
		for _, address := range pod.addresses {
			found[address] = verdict
		}
	}
	return found
}

// selecting lists the policies that are about a pod in one direction, by name.
func (b *builder) selecting(pod member, direction networkingv1.PolicyType) []*networkingv1.NetworkPolicy {
	var found []*networkingv1.NetworkPolicy
	for _, policy := range b.policies {
		if policy.Namespace == pod.Namespace && governs(policy, direction) &&
			b.matches(&policy.Spec.PodSelector, pod.Labels) {
			found = append(found, policy)
		}
	}
	slices.SortFunc(found, func(a, b *networkingv1.NetworkPolicy) int { return strings.Compare(a.Name, b.Name) })
	return found
}

// chain returns the name of the chain with what the policies allow together, making it if it is not there.
func (b *builder) chain(namespace string, policies []*networkingv1.NetworkPolicy, way networkingv1.PolicyType) string {
	names := []string{string(way), namespace}
	for _, policy := range policies {
		names = append(names, policy.Name)
	}
	sum := sha256.Sum256([]byte(strings.Join(names, "\n")))
	name := strings.ToLower(string(way)) + "_" + hex.EncodeToString(sum[:8])
	if _, made := b.chains[name]; !made {
		rules := []string{}
		for _, policy := range policies {
			for _, rule := range b.allowed(policy, policies, way) {
				rules = append(rules, strings.TrimSpace(rule+" counter return comment "+comment(policy)))
			}
		}
		b.chains[name] = rules
	}
	return name
}

// comment names a policy in the kernel's table, where 128 bytes have room.
func comment(policy *networkingv1.NetworkPolicy) string {
	name := policy.Namespace + "/" + policy.Name
	return fmt.Sprintf("%q", name[:min(len(name), 120)])
}
