// Command pulumi-resource-kubernetes serves Pulumi's Kubernetes provider.
//
// Upstream embeds a generated schema that its module does not carry. Deployments never read it (only import
// and .get without inputs do), so the name and version are schema enough here.
package main

import "github.com/pulumi/pulumi-kubernetes/provider/v4/pkg/provider"

// version is set by the linker from versions.toml; the engine refuses a provider without one.
var version string

func main() {
	schema := []byte(`{"name":"kubernetes","version":"` + version + `"}`)
	provider.Serve("kubernetes", version, schema, []byte("{}"))
}
