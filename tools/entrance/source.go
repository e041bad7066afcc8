package main

import (
	"context"
	"slices"

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
//
// Secrets are followed by name, each name by a watch of its own, because that is what the account may do: it can read
// the keys of the names that it serves and no other secret of the cluster.
type source struct {
	classes             []string
	core                rest.Interface
	ingresses, services cache.SharedIndexInformer
	secrets             map[string]cache.SharedIndexInformer
	changed             chan struct{}
}

// state is what is known of the cluster at one moment.
type state struct {
	ingresses []*networkingv1.Ingress
	services  []*corev1.Service
	secrets   []*corev1.Secret
}

// newSource prepares to follow the API server; nothing is asked yet.
func newSource(access *rest.Config, classes []string) (*source, error) {
	core, err := corev1client.NewForConfig(access)
	if err != nil {
		return nil, err
	}
	network, err := networkingv1client.NewForConfig(access)
	if err != nil {
		return nil, err
	}
	s := &source{
		classes: classes,
		core:    core.RESTClient(),
		secrets: map[string]cache.SharedIndexInformer{},
		changed: make(chan struct{}, 1),
	}
	everything := fields.Everything()
	if s.ingresses, err = s.informer(network.RESTClient(), "ingresses", everything, &networkingv1.Ingress{}); err != nil {
		return nil, err
	}
	if s.services, err = s.informer(s.core, "services", everything, &corev1.Service{}); err != nil {
		return nil, err
	}
	return s, nil
}

// start follows the cluster until ctx ends; it returns when everything is known, and false if ctx ended before.
func (s *source) start(ctx context.Context) bool {
	for _, informer := range []cache.SharedIndexInformer{s.ingresses, s.services} {
		go informer.RunWithContext(ctx)
	}
	return cache.WaitForCacheSync(ctx.Done(), s.ingresses.HasSynced, s.services.HasSynced)
}

// state returns the cluster as it is known now, after it has begun to follow the secrets that are newly named.
func (s *source) state(ctx context.Context) state {
	found := state{services: all[*corev1.Service](s.services)}
	for _, one := range all[*networkingv1.Ingress](s.ingresses) {
		if class := one.Spec.IngressClassName; class != nil && slices.Contains(s.classes, *class) {
			found.ingresses = append(found.ingresses, one)
		}
	}
	for _, one := range found.ingresses {
		for _, entry := range one.Spec.TLS {
			s.followSecret(ctx, entry.SecretName)
		}
	}
	for _, informer := range s.secrets {
		found.secrets = append(found.secrets, all[*corev1.Secret](informer)...)
	}
	return found
}

func (s *source) followSecret(ctx context.Context, name string) {
	if _, known := s.secrets[name]; known || name == "" {
		return
	}
	byName := fields.OneTermEqualSelector("metadata.name", name)
	informer, err := s.informer(s.core, "secrets", byName, &corev1.Secret{})
	if err != nil {
		panic(err) // a handler or transform is refused only after the informer has started
	}
	s.secrets[name] = informer
	go informer.RunWithContext(ctx)
}

func (s *source) informer(
	client rest.Interface, resource string, which fields.Selector, example runtime.Object,
) (cache.SharedIndexInformer, error) {
	list := cache.NewListWatchFromClient(client, resource, corev1.NamespaceAll, which)
	informer := cache.NewSharedIndexInformer(list, example, 0, cache.Indexers{})
	if err := informer.SetTransform(trimmed); err != nil {
		return nil, err
	}
	_, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(any) { s.tell() },
		UpdateFunc: func(any, any) { s.tell() },
		DeleteFunc: func(any) { s.tell() },
	})
	return informer, err
}

func (s *source) tell() {
	select {
	case s.changed <- struct{}{}:
	default: // somebody has said so already
	}
}

func all[T runtime.Object](informer cache.SharedIndexInformer) []T {
	var found []T
	for _, one := range informer.GetStore().List() {
		found = append(found, one.(T))
	}
	return found
}

// trimmed takes out of an object what no decision reads.
func trimmed(object any) (any, error) {
	one, err := meta.Accessor(object)
	if err != nil {
		return nil, err
	}
	one.SetManagedFields(nil)
	one.SetAnnotations(nil)
	return object, nil
}
