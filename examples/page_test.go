package examples_test

import (
	"bytes"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/runtime/serializer/json"
	"k8s.io/client-go/kubernetes/scheme"

	"github.com/signpost-dns/signpost/internal/cli"
)

func page(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../docs/no-load-balancer.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// The page's manifests are valid, and the Service is that of the example.
func TestManifestsOfThePage(t *testing.T) {
	decoder := json.NewSerializerWithOptions(json.DefaultMetaFactory, scheme.Scheme, scheme.Scheme, json.SerializerOptions{Yaml: true, Strict: true})
	blocks := regexp.MustCompile("(?s)\n```yaml\n(.*?)```").FindAllStringSubmatch(page(t), -1)
	for _, b := range blocks {
		if _, _, err := decoder.Decode([]byte(b[1]), nil, nil); err != nil {
			t.Errorf("%v in\n%s", err, b[1])
		}
	}
	example, err := os.ReadFile("udp-server/service.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if last := blocks[len(blocks)-1][1]; !bytes.HasSuffix(example, []byte(last)) {
		t.Errorf("the page and the example differ:\n%s", last)
	}
}

// Its command lines are ones that the program takes.
func TestCommandLinesOfThePage(t *testing.T) {
	lines := regexp.MustCompile(`(?m)^(?:    |[A-Z0-9_]+=\S+ [A-Z0-9_]+=\S+ )?signpost ([^&\n]*)`).FindAllStringSubmatch(page(t), -1)
	if len(lines) < 5 {
		t.Fatalf("%d command lines", len(lines))
	}
	for _, line := range lines {
		var out bytes.Buffer
		sys := cli.System{Stdout: &out, Stderr: &out, LookupEnv: func(string) (string, bool) { return "", false }}
		if code := cli.Main(t.Context(), append(strings.Fields(line[1]), "--print-config"), sys); code != 0 {
			t.Errorf("signpost %s: exit code %d\n%s", line[1], code, out.String())
		}
	}
}

// The costs follow from the prices.
func TestCostsOfThePage(t *testing.T) {
	const hours, address = 730, 0.005
	row := func(perHour, perGB, gigabytes float64, addresses int) string {
		fixed, traffic, addrs := perHour*hours, perGB*gigabytes, address*hours*float64(addresses)
		text := func(v float64) string {
			if v == 0 {
				return "0"
			}
			return fmt.Sprintf("%.2f", v)
		}
		return fmt.Sprintf("| %s | %s | %s | %.2f |", text(fixed), text(traffic), text(addrs), fixed+traffic+addrs)
	}
	for name, want := range map[string]string{
		"Classic Load Balancer":   row(0.025, 0.008, 10240, 2),
		"on the node's address":   row(0, 0, 10240, 1),
		"Network Load Balancer":   row(0.0225, 0.006, 1024, 2),
		"on two nodes' addresses": row(0, 0, 1024, 2),
	} {
		if !strings.Contains(page(t), "| "+name+" "+want+"\n") {
			t.Errorf("the page does not say | %s %s", name, want)
		}
	}
}
