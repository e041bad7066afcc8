package main

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
)

// table is everything that is served at one moment. It is made anew for every change and never changed itself.
type table struct {
	sites map[string]*site
}

// site is one name that users know.
type site struct {
	certificate *tls.Certificate
	ways        []way
}

// way is where requests below a path go; of several that fit, the longest path decides.
type way struct {
	path   string
	exact  bool
	target *url.URL
	class  string
	owner  string // namespace and name of the Ingress
}

func (w way) fits(path string) bool {
	if w.exact {
		return path == w.path
	}
	below := strings.TrimSuffix(w.path, "/")
	return path == below || strings.HasPrefix(path, below+"/")
}

// lookup returns the way for a path of a name; nil when there is none.
func (t *table) lookup(host, path string) *way {
	if t == nil || t.sites[host] == nil {
		return nil
	}
	for i, one := range t.sites[host].ways {
		if one.fits(path) {
			return &t.sites[host].ways[i]
		}
	}
	return nil
}

// tableOf decides what is served. A name whose key or service is missing is not served, and told of.
//
// A name belongs to the namespace that had it first: a younger Ingress elsewhere cannot take it over.
func tableOf(now state) (*table, []string) {
	services := map[string]*corev1.Service{}
	for _, one := range now.services {
		services[one.Namespace+"/"+one.Name] = one
	}
	secrets := map[string]*corev1.Secret{}
	for _, one := range now.secrets {
		secrets[one.Namespace+"/"+one.Name] = one
	}
	ingresses := slices.Clone(now.ingresses)
	slices.SortFunc(ingresses, older)

	made := &table{sites: map[string]*site{}}
	owners := map[string]string{}
	var problems []string
	for _, one := range ingresses {
		for _, rule := range one.Spec.Rules {
			host := strings.ToLower(rule.Host)
			name := one.Namespace + "/" + one.Name
			if host == "" || strings.Contains(host, "*") || rule.HTTP == nil {
				problems = append(problems, fmt.Sprintf("%s: a rule needs one full host name and paths", name))
				continue
			}
			if owner, taken := owners[host]; taken && owner != one.Namespace {
				problems = append(problems, fmt.Sprintf("%s: %s belongs to %s", name, host, owner))
				continue
			}
			owners[host] = one.Namespace
			certificate, err := certificateOf(one, host, secrets)
			if err != nil {
				problems = append(problems, fmt.Sprintf("%s: %s: %v", name, host, err))
				continue
			}
			ways, troubles := waysOf(one, rule.HTTP.Paths, services)
			problems = append(problems, troubles...)
			if made.sites[host] == nil {
				made.sites[host] = &site{}
			}
			made.sites[host].certificate = certificate
			made.sites[host].ways = append(made.sites[host].ways, ways...)
		}
	}
	for _, site := range made.sites {
		slices.SortStableFunc(site.ways, func(a, b way) int { return len(b.path) - len(a.path) })
	}
	return made, problems
}

func older(a, b *networkingv1.Ingress) int {
	if order := a.CreationTimestamp.Compare(b.CreationTimestamp.Time); order != 0 {
		return order
	}
	return strings.Compare(a.Namespace+"/"+a.Name, b.Namespace+"/"+b.Name)
}

func certificateOf(
	one *networkingv1.Ingress, host string, secrets map[string]*corev1.Secret,
) (*tls.Certificate, error) {
	for _, entry := range one.Spec.TLS {
		if !slices.Contains(entry.Hosts, host) {
			continue
		}
		secret := secrets[one.Namespace+"/"+entry.SecretName]
		if secret == nil {
			return nil, fmt.Errorf("there is no secret %s", entry.SecretName)
		}
		pair, err := tls.X509KeyPair(secret.Data[corev1.TLSCertKey], secret.Data[corev1.TLSPrivateKeyKey])
		if err != nil {
			return nil, fmt.Errorf("secret %s: %w", entry.SecretName, err)
		}
		if err := pair.Leaf.VerifyHostname(host); err != nil {
			return nil, fmt.Errorf("secret %s: %w", entry.SecretName, err)
		}
		return &pair, nil
	}
	return nil, fmt.Errorf("no secret is named for it under tls")
}

func waysOf(
	one *networkingv1.Ingress, paths []networkingv1.HTTPIngressPath, services map[string]*corev1.Service,
) ([]way, []string) {
	var found []way
	var problems []string
	for _, path := range paths {
		target, err := targetOf(one.Namespace, path.Backend, services)
		if err != nil {
			problems = append(problems, fmt.Sprintf("%s/%s: path %s: %v", one.Namespace, one.Name, path.Path, err))
		}
		// Without a target the name is served all the same: users are told that nobody answers, not that it is unknown.
		found = append(found, way{
			path:   path.Path,
			exact:  path.PathType != nil && *path.PathType == networkingv1.PathTypeExact,
			target: target,
			class:  *one.Spec.IngressClassName,
			owner:  one.Namespace + "/" + one.Name,
		})
	}
	return found, problems
}

// targetOf returns the address of a service inside the cluster; one that stands for a name outside has none.
func targetOf(
	namespace string, backend networkingv1.IngressBackend, services map[string]*corev1.Service,
) (*url.URL, error) {
	if backend.Service == nil {
		return nil, fmt.Errorf("the backend is no service")
	}
	service := services[namespace+"/"+backend.Service.Name]
	if service == nil {
		return nil, fmt.Errorf("there is no service %s", backend.Service.Name)
	}
	if net.ParseIP(service.Spec.ClusterIP) == nil {
		return nil, fmt.Errorf("service %s has no address of its own", service.Name)
	}
	for _, port := range service.Spec.Ports {
		wanted := backend.Service.Port
		if port.Port == wanted.Number || (wanted.Name != "" && port.Name == wanted.Name) {
			address := net.JoinHostPort(service.Spec.ClusterIP, strconv.Itoa(int(port.Port)))
			return &url.URL{Scheme: "http", Host: address}, nil
		}
	}
	return nil, fmt.Errorf("service %s has no such port", service.Name)
}
