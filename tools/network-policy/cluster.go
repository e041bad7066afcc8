package main

import (
	"net/netip"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
)

// cluster is everything that a decision about packets may depend on.
type cluster struct {
	pods       []*corev1.Pod
	namespaces []*corev1.Namespace
	policies   []*networkingv1.NetworkPolicy
}

// member is a pod that packets can be traced to: alive, in the pod network, with addresses that are its alone.
type member struct {
	*corev1.Pod
	addresses []netip.Addr
}

// members lists the pods that packets can be traced to, by namespace and name.
//
// While a pod that ended is still listed, its address may already be another's. An address that two pods claim
// belongs to neither: what nobody can be held to is not let through.
func (c cluster) members() []member {
	claims := map[netip.Addr]int{}
	var found []member
	for _, pod := range c.pods {
		if ended(pod) || pod.Spec.HostNetwork {
			continue
		}
		one := member{Pod: pod, addresses: addresses(pod)}
		for _, address := range one.addresses {
			claims[address]++
		}
		found = append(found, one)
	}
	for n := range found {
		found[n].addresses = slices.DeleteFunc(found[n].addresses, func(a netip.Addr) bool { return claims[a] > 1 })
	}
	slices.SortFunc(found, func(a, b member) int {
		return strings.Compare(a.Namespace+"/"+a.Name, b.Namespace+"/"+b.Name)
	})
	return found
}

func ended(pod *corev1.Pod) bool {
	return pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
}

func addresses(pod *corev1.Pod) []netip.Addr {
	var found []netip.Addr
	for _, one := range pod.Status.PodIPs {
		if address, err := netip.ParseAddr(one.IP); err == nil {
			found = append(found, address)
		}
	}
	return found
}

// portsNamed lists the numbers under which a pod offers a port of that name.
func portsNamed(pod *corev1.Pod, name string, protocol corev1.Protocol) []int32 {
	containers := slices.Clone(pod.Spec.Containers)
	for _, one := range pod.Spec.InitContainers {
		if one.RestartPolicy != nil && *one.RestartPolicy == corev1.ContainerRestartPolicyAlways {
			containers = append(containers, one)
		}
	}
	var found []int32
	for _, container := range containers {
		for _, port := range container.Ports {
			if port.Name == name && protocolOr(port.Protocol) == protocol {
				found = append(found, port.ContainerPort)
			}
		}
	}
	return found
}

func protocolOr(protocol corev1.Protocol) corev1.Protocol {
	if protocol == "" {
		return corev1.ProtocolTCP
	}
	return protocol
}
