package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	coreruleset "github.com/corazawaf/coraza-coreruleset/v4"
	"github.com/corazawaf/coraza/v3"
	corazahttp "github.com/corazawaf/coraza/v3/http"
	"github.com/corazawaf/coraza/v3/types"
)

// directives are the engine's recommended settings and the core rule set as they are published; what differs is said
// here. Answers are not searched, so they are never held back. What is refused is in our own log.
const directives = `
Include @coraza.conf-recommended
SecRuleEngine On
SecResponseBodyAccess Off
SecAuditEngine Off
Include @crs-setup.conf.example
Include @owasp_crs/*.conf
`

// guard is the web application firewall before the classes that ask for one.
type guard struct {
	classes []string
	waf     coraza.WAF
}

// newGuard reads the rules, which takes memory and a moment, unless no class asks for them.
func newGuard(classes []string) (*guard, error) {
	if len(classes) == 0 {
		return &guard{}, nil
	}
	waf, err := coraza.NewWAF(coraza.NewWAFConfig().
		WithRootFS(coreruleset.FS).
		WithDirectives(directives).
		WithErrorCallback(noteRule))
	if err != nil {
		return nil, fmt.Errorf("the rules of the web application firewall cannot be read: %w", err)
	}
	return &guard{classes, waf}, nil
}

// before returns the handler that looks at a request of a class before `next` sees it.
func (g *guard) before(class string, next http.Handler) http.Handler {
	if g == nil || !slices.Contains(g.classes, class) {
		return next
	}
	return corazahttp.WrapHandler(g.waf, next)
}

// noteRule writes down which rules a request broke, never what it contained: that may be somebody's data.
func noteRule(broken types.MatchedRule) {
	known, ok := broken.(interface{ Context() context.Context })
	if !ok {
		return
	}
	if note, ok := known.Context().Value(noteKey{}).(*note); ok {
		note.rules = append(note.rules, broken.Rule().ID())
	}
}
