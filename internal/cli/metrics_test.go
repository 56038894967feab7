package cli

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/signpost-dns/signpost/internal/controller"
)

// names is a registry that notes the name and the labels of each metric, whether
// it has a value yet or not: "name label, label".
type names struct {
	prometheus.Registerer
	seen []string
}

// described is what [prometheus.Desc] prints.
var described = regexp.MustCompile(`^Desc\{fqName: "([^"]+)", help: ".+", constLabels: \{(.*)\}, variableLabels: \{(.*)\}\}$`)

// label returns the name and the labels that a description has.
func label(d *prometheus.Desc) string {
	m := described.FindStringSubmatch(d.String())
	if m == nil {
		return d.String() // which is in no page
	}
	labels := strings.FieldsFunc(m[3], func(r rune) bool { return r == ',' })
	for _, constant := range regexp.MustCompile(`(\w+)="`).FindAllStringSubmatch(m[2], -1) {
		labels = append(labels, constant[1])
	}
	return m[1] + " " + strings.Join(labels, ", ")
}

func (n *names) MustRegister(all ...prometheus.Collector) {
	for _, c := range all {
		descs := make(chan *prometheus.Desc)
		go func() {
			c.Describe(descs)
			close(descs)
		}()
		for d := range descs {
			n.seen = append(n.seen, label(d))
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
	for _, row := range regexp.MustCompile("(?m)^\\| `(\\w+)` \\| (?:gauge|counter|histogram|summary) \\| ([^|]*)\\| \\w[^|]+\\|$").FindAllStringSubmatch(string(page), -1) {
		explained = append(explained, row[1]+" "+strings.TrimSpace(row[2]))
	}
	slices.Sort(registry.seen)
	slices.Sort(explained)
	if d := cmp.Diff(registry.seen, explained); d != "" {
		t.Errorf("metrics in the registry and in docs/metrics.md (-registry +page):\n%s", d)
	}
	if len(registry.seen) < 30 {
		t.Errorf("only %d metrics are registered", len(registry.seen))
	}
}
