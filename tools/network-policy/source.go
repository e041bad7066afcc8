package main

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	networkingv1client "k8s.io/client-go/kubernetes/typed/networking/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
)

// source follows the cluster. Something is received from `changed` after whatever changed since the last time.
type source struct {
	pods, namespaces, policies cache.SharedIndexInformer
	changed                    chan struct{}
}

// newSource prepares to follow the API server; nothing is asked yet.
func newSource(access *rest.Config) (*source, error) {
	core, err := corev1client.NewForConfig(access)
	if err != nil {
		return nil, err
	}
	network, err := networkingv1client.NewForConfig(access)
	if err != nil {
		return nil, err
	}
	s := &source{changed: make(chan struct{}, 1)}
	for _, one := range []struct {
		place    *cache.SharedIndexInformer
		client   rest.Interface
		resource string
		example  runtime.Object
	}{
		{&s.pods, core.RESTClient(), "pods", &corev1.Pod{}},
		{&s.namespaces, core.RESTClient(), "namespaces", &corev1.Namespace{}},
		{&s.policies, network.RESTClient(), "networkpolicies", &networkingv1.NetworkPolicy{}},
	} {
		list := cache.NewListWatchFromClient(one.client, one.resource, corev1.NamespaceAll, fields.Everything())
		informer := cache.NewSharedIndexInformer(list, one.example, 0, cache.Indexers{})
		if err := informer.SetTransform(trimmed); err != nil {
			return nil, err
		}
		if _, err := informer.AddEventHandler(s.handler()); err != nil {
			return nil, err
		}
		*one.place = informer
	}
	return s, nil
}

// start follows the cluster until ctx ends; it returns when everything is known, and false if ctx ended before.
func (s *source) start(ctx context.Context) bool {
	synced := []cache.InformerSynced{}
	for _, informer := range []cache.SharedIndexInformer{s.pods, s.namespaces, s.policies} {
		go informer.RunWithContext(ctx)
		synced = append(synced, informer.HasSynced)
	}
	return cache.WaitForCacheSync(ctx.Done(), synced...)
}

// state returns the cluster as it is known now.
func (s *source) state() cluster {
	// Pods first: a policy that arrives in between is then known with them. The other way round, a pod could be
	// let out before the policy that is about it.
	pods := all[*corev1.Pod](s.pods)
	return cluster{
		pods:       pods,
		namespaces: all[*corev1.Namespace](s.namespaces),
		policies:   all[*networkingv1.NetworkPolicy](s.policies),
	}
}

func all[T runtime.Object](informer cache.SharedIndexInformer) []T {
	var found []T
	for _, one := range informer.GetStore().List() {
		found = append(found, one.(T))
	}
	return found
}

func (s *source) handler() cache.ResourceEventHandler {
	return cache.ResourceEventHandlerFuncs{
		AddFunc:    func(any) { s.tell() },
		UpdateFunc: func(any, any) { s.tell() },
		DeleteFunc: func(any) { s.tell() },
	}
}

func (s *source) tell() {
	select {
	case s.changed <- struct{}{}:
	default: // somebody has said so already
	}
}

// trimmed takes out of an object what no decision reads, so that a large cluster fits a small memory.
func trimmed(object any) (any, error) {
	one, err := meta.Accessor(object)
	if err != nil {
		return nil, fmt.Errorf("not an object of the API: %w", err)
	}
	one.SetManagedFields(nil)
	one.SetAnnotations(nil)
	pod, ok := object.(*corev1.Pod)
	if !ok {
		return object, nil
	}
	pod.Spec = corev1.PodSpec{
		NodeName:       pod.Spec.NodeName,
		HostNetwork:    pod.Spec.HostNetwork,
		Containers:     portsOnly(pod.Spec.Containers),
		InitContainers: portsOnly(pod.Spec.InitContainers),
	}
	pod.Status = corev1.PodStatus{Phase: pod.Status.Phase, PodIPs: pod.Status.PodIPs}
	return pod, nil
}

func portsOnly(containers []corev1.Container) []corev1.Container {
	found := make([]corev1.Container, 0, len(containers))
	for _, one := range containers {
		found = append(found, corev1.Container{Ports: one.Ports, RestartPolicy: one.RestartPolicy})
	}
	return found
}
