package main

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// family is one version of the Internet Protocol, under the word that the kernel's language has for it.
type family struct {
	word string
	any  string // matches every packet of the family
	has  func(netip.Addr) bool
}

var families = []family{
	{"ip", "meta nfproto ipv4", netip.Addr.Is4},
	{"ip6", "meta nfproto ipv6", netip.Addr.Is6},
}

// governs says whether a policy is about packets in this direction.
func governs(policy *networkingv1.NetworkPolicy, direction networkingv1.PolicyType) bool {
	if len(policy.Spec.PolicyTypes) == 0 {
		return direction == networkingv1.PolicyTypeIngress || len(policy.Spec.Egress) > 0
	}
	return slices.Contains(policy.Spec.PolicyTypes, direction)
}

// matches says whether a selector picks these labels. The API server stores no selector that cannot be read.
func (b *builder) matches(selector *metav1.LabelSelector, set map[string]string) bool {
	read, known := b.selectors[selector]
	if !known {
		var err error
		if read, err = metav1.LabelSelectorAsSelector(selector); err != nil {
			read = labels.Nothing()
		}
		b.selectors[selector] = read
	}
	return read.Matches(labels.Set(set))
}

// allowed returns the matches of a policy's rules in one direction; a packet that fits one of them may pass.
func (b *builder) allowed(
	policy *networkingv1.NetworkPolicy, together []*networkingv1.NetworkPolicy, direction networkingv1.PolicyType,
) []string {
	var found []string
	if direction == networkingv1.PolicyTypeEgress {
		for _, rule := range policy.Spec.Egress {
			peers := b.peers(policy.Namespace, rule.To)
			found = append(found, cross("daddr", peers, rule.Ports, peers.orAll(b.members))...)
		}
		return found
	}
	targets := b.targets(policy.Namespace, together)
	for _, rule := range policy.Spec.Ingress {
		found = append(found, cross("saddr", b.peers(policy.Namespace, rule.From), rule.Ports, targets)...)
	}
	return found
}

// targets lists the pods that exactly these policies are about for what comes in: a port's name means their ports.
func (b *builder) targets(namespace string, policies []*networkingv1.NetworkPolicy) []member {
	var found []member
	for _, pod := range b.members {
		if pod.Namespace == namespace && slices.Equal(b.selecting(pod, networkingv1.PolicyTypeIngress), policies) {
			found = append(found, pod)
		}
	}
	return found
}

// peers are the other ends that a rule names.
type peers struct {
	everybody bool
	pods      []member
	blocks    []networkingv1.IPBlock
}

// orAll lists the pods among the peers, which are all when the rule names nobody.
func (p peers) orAll(every []member) []member {
	if p.everybody {
		return every
	}
	return p.pods
}

// peers resolves the other ends of a rule of a policy in `namespace`; a rule without any is about everybody.
func (b *builder) peers(namespace string, named []networkingv1.NetworkPolicyPeer) peers {
	found := peers{everybody: len(named) == 0}
	for _, peer := range named {
		if peer.IPBlock != nil {
			found.blocks = append(found.blocks, *peer.IPBlock)
		}
	}
	for _, pod := range b.members {
		if slices.ContainsFunc(named, func(p networkingv1.NetworkPolicyPeer) bool { return b.is(pod, p, namespace) }) {
			found.pods = append(found.pods, pod)
		}
	}
	return found
}

// is says whether a pod is the peer that a policy of `namespace` names.
func (b *builder) is(pod member, peer networkingv1.NetworkPolicyPeer, namespace string) bool {
	if peer.NamespaceSelector == nil && peer.PodSelector == nil {
		return false
	}
	if peer.NamespaceSelector == nil && pod.Namespace != namespace {
		return false
	}
	if peer.NamespaceSelector != nil && !b.matches(peer.NamespaceSelector, b.namespaces[pod.Namespace]) {
		return false
	}
	return peer.PodSelector == nil || b.matches(peer.PodSelector, pod.Labels)
}

// match is a part of a rule in the kernel's language: `family` is empty where it fits both versions of the protocol,
// `text` where it fits every packet.
type match struct{ family, text string }

// cross joins every other end with every port. `offering` are the pods whose ports a port's name means.
func cross(field string, others peers, ports []networkingv1.NetworkPolicyPort, offering []member) []string {
	var found []string
	for _, end := range ends(field, others) {
		for _, port := range portMatches(ports, offering) {
			if end.family != "" && port.family != "" && end.family != port.family {
				continue // no packet is of both
			}
			found = append(found, strings.TrimSpace(end.text+" "+port.text))
		}
	}
	return found
}

// ends returns a match for each kind of other end.
func ends(field string, others peers) []match {
	if others.everybody {
		return []match{{}}
	}
	var found []match
	for _, family := range families {
		if set := addressSet(others.pods, family); set != "" {
			found = append(found, match{family.word, fmt.Sprintf("%s %s { %s }", family.word, field, set)})
		}
	}
	for _, block := range others.blocks {
		found = append(found, blockMatches(field, block)...)
	}
	return found
}

func addressSet(pods []member, family family) string {
	var found []string
	for _, pod := range pods {
		for _, address := range pod.addresses {
			if family.has(address) {
				found = append(found, address.String())
			}
		}
	}
	slices.Sort(found)
	return strings.Join(found, ", ")
}

// blockMatches fits the addresses of a block but not its exceptions; a block that cannot be read fits nothing.
func blockMatches(field string, block networkingv1.IPBlock) []match {
	whole, err := netip.ParsePrefix(block.CIDR)
	if err != nil {
		return nil
	}
	family := families[0]
	if whole.Addr().Is6() {
		family = families[1]
	}
	text := family.any
	if whole.Bits() > 0 {
		text = fmt.Sprintf("%s %s %s", family.word, field, whole.Masked())
	}
	for _, except := range block.Except {
		part, err := netip.ParsePrefix(except)
		if err != nil || part.Bits() == 0 {
			return nil
		}
		text += fmt.Sprintf(" %s %s != %s", family.word, field, part.Masked())
	}
	return []match{{family.word, text}}
}

// portMatches returns a match for each port.
func portMatches(ports []networkingv1.NetworkPolicyPort, offering []member) []match {
	if len(ports) == 0 {
		return []match{{}}
	}
	var found []match
	for _, port := range ports {
		protocol := corev1.ProtocolTCP
		if port.Protocol != nil {
			protocol = *port.Protocol
		}
		word := strings.ToLower(string(protocol))
		switch {
		case port.Port == nil:
			found = append(found, match{text: "meta l4proto " + word})
		case port.Port.Type == intstr.String:
			found = append(found, namedPort(offering, port.Port.StrVal, protocol)...)
		case port.EndPort != nil:
			found = append(found, match{text: fmt.Sprintf("%s dport %d-%d", word, port.Port.IntVal, *port.EndPort)})
		default:
			found = append(found, match{text: fmt.Sprintf("%s dport %d", word, port.Port.IntVal)})
		}
	}
	return found
}

// namedPort fits the port of that name of each pod that has one, whatever its number is there.
func namedPort(offering []member, name string, protocol corev1.Protocol) []match {
	var found []match
	for _, family := range families {
		var entries []string
		for _, pod := range offering {
			for _, number := range portsNamed(pod.Pod, name, protocol) {
				for _, address := range pod.addresses {
					if family.has(address) {
						entries = append(entries, fmt.Sprintf("%s . %d", address, number))
					}
				}
			}
		}
		if len(entries) > 0 {
			slices.Sort(entries)
			word, set := strings.ToLower(string(protocol)), strings.Join(slices.Compact(entries), ", ")
			text := fmt.Sprintf("%s daddr . %s dport { %s }", family.word, word, set)
			found = append(found, match{family.word, text})
		}
	}
	return found
}
