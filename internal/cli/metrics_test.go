package cli

import (
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/signpost-dns/signpost/internal/controller"
)

// names is a registry that notes the name, the labels and the help of each
// metric, whether it has a value yet or not.
type names struct {
	prometheus.Registerer
	seen []string
}

var fqName = regexp.MustCompile(`fqName: "([^"]+)"`)

func (n *names) MustRegister(all ...prometheus.Collector) {
	for _, c := range all {
		descs := make(chan *prometheus.Desc)
		go func() {
			c.Describe(descs)
			close(descs)
		}()
		for d := range descs {
			n.seen = append(n.seen, fqName.FindStringSubmatch(d.String())[1])
		}
	}
}

// TestMetricsPage holds docs/metrics.md against what is registered.
func TestMetricsPage(t *testing.T) {
	registry := &names{}
	controller.NewMetrics(registry)
	registerBuild(registry)
	page, err := os.ReadFile("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	var explained []string
	for _, row := range regexp.MustCompile("(?m)^\\| `(\\w+)` \\| \\w[^|]*\\| [^|]*\\| \\w[^|]+\\|$").FindAllStringSubmatch(string(page), -1) {
		explained = append(explained, row[1])
	}
	slices.Sort(registry.seen)
	slices.Sort(explained)
	if d := cmp.Diff(registry.seen, explained); d != "" {
		t.Errorf("metrics in the registry and in docs/metrics.md (-registry +page):\n%s", d)
	}
	if !slices.Contains(explained, "external_dns_build_info") {
		t.Error("the page lacks what is known of the build")
	}
}
