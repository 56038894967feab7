package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func readme(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestReadmePlan holds the plan that the README shows against the one of its
// manifest, once the cloud has given that a load balancer.
func TestReadmePlan(t *testing.T) {
	manifest := regexp.MustCompile("(?s)\n```yaml\n(.*?)```").FindStringSubmatch(readme(t))
	shown := regexp.MustCompile(`(?m)(^    example\.com\. \((Z\w+)\): .*\n(?:    .*\n)+)`).FindStringSubmatch(readme(t))
	if manifest == nil || shown == nil {
		t.Fatal("there is no manifest or no plan in the README")
	}
	balancer := regexp.MustCompile(`\S+\.elb\.amazonaws\.com`).FindString(shown[1])
	dir := t.TempDir()
	save(t, filepath.Join(dir, "service.yaml"), manifest[1]+"status: {loadBalancer: {ingress: [{hostname: "+balancer+"}]}}\n")

	e := play(t, "emulator", "--zone=example.com", "--address=127.0.0.1:0", "--dns-address=127.0.0.1:0")
	t.Setenv("AWS_ENDPOINT_URL", e.await(e.stdout, `^Route 53 API  (http://\S+)$`)[1])
	t.Setenv("AWS_ACCESS_KEY_ID", "any")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "any")
	id := e.await(e.stdout, `^Zone          example\.com \((Z\w+)\)$`)[1]
	args := commandLines(readme(t), "plan")
	if len(args) != 1 {
		t.Fatalf("the README has %d command lines with plan, want 1", len(args))
	}
	r := play(t, append(args[0], "--objects="+dir)...)
	if code := <-r.code; code != 2 {
		t.Errorf("exit code %d:\n%s", code, r.stderr)
	}
	want := strings.ReplaceAll(strings.ReplaceAll(shown[1], "\n    ", "\n"), shown[2], id)
	if diff := cmp.Diff(strings.TrimSpace(want), strings.TrimSpace(r.stdout.String())); diff != "" {
		t.Errorf("the plan (-README +printed):\n%s", diff)
	}
}

// TestCommandLinesInText reads every command line of the README and of the help.
func TestCommandLinesInText(t *testing.T) {
	texts := map[string]string{"README": readme(t)}
	for _, cmd := range commands() {
		texts[cmd.name+" --help"] = cmd.detail
	}
	found := 0
	for where, text := range texts {
		for _, name := range []string{"run", "plan", "demo", "emulator"} {
			for _, args := range commandLines(text, name) {
				found++
				var out bytes.Buffer
				if code := Main(t.Context(), append(args, "--print-config"), System{Stdout: &out, Stderr: &out, LookupEnv: environ(nil)}); code != 0 {
					t.Errorf("%s: signpost %s: exit code %d:\n%s", where, strings.Join(args, " "), code, &out)
				}
			}
		}
	}
	if found < 5 {
		t.Errorf("only %d command lines found", found)
	}
}

// commandLines returns the arguments of every indented line "signpost NAME
// --flags" in a text.
func commandLines(text, name string) [][]string {
	text = regexp.MustCompile(`\\\n\s*`).ReplaceAllString(text, "")
	var all [][]string
	for _, line := range regexp.MustCompile(`(?m)^ +signpost (`+name+` --[^#&\n]*)`).FindAllStringSubmatch(text, -1) {
		all = append(all, strings.Fields(line[1]))
	}
	return all
}
