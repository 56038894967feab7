package cli

import (
	"bytes"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/signpost-dns/signpost/test/tool"
)

func readme(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// tour is what the README's tour shows to be typed, in its order, with what comes of it. The lines that are not here
// are those of make, of the emulator, and those that need a cluster.
var tour = []struct {
	begins string
	code   int
	prints string // a pattern; "" is nothing
}{
	{"signpost plan --objects=examples/demo ", 2, `^example\.com\. \(Z\w+\): 6 to create, 0 to change, 0 to delete\n`},
	{"signpost run --once ", 0, ""},
	{"dig ", 0, `^203\.0\.113\.10\n$`},
	{"aws ", 0, `"Name": "example\.com\."`},
	{"signpost explain registry.example.com ", 0, `(?s)^registry\.example\.com: nothing, because the zone holds what is asked for\n.*ours, owner "my-cluster"`},
	{"signpost plan --source=", 1, ""}, // of somebody who has no cluster
}

// TestReadmeTour types what the README says, in the folder of the checkout.
func TestReadmeTour(t *testing.T) {
	_, text, _ := strings.Cut(readme(t), "\n## A tour ")
	text, _, _ = strings.Cut(text, "\n## ")
	var e *running
	lines, shell := tour, "export GORACE=atexit_sleep_ms=0 KUBECONFIG=/nonexistent\n"
	for _, m := range regexp.MustCompile(`(?m)^    ((?:make|export|unset|signpost|dig|aws|kubectl) .*)$`).FindAllStringSubmatch(text, -1) {
		line := m[1]
		switch program, _, _ := strings.Cut(line, " "); {
		case program == "make", program == "kubectl", line == "export PATH=$PWD/bin:$PATH", line == "signpost explain mynginx.example.com":
		case strings.HasPrefix(line, "signpost emulator "):
			e = play(t, append(strings.Fields(strings.TrimSuffix(line, " &"))[1:], "--address=127.0.0.1:0", "--dns-address=127.0.0.1:0")...)
		case program == "export", program == "unset":
			at := e.await(e.stdout, `^Route 53 API  http://(\S+)$`)[1]
			shell += strings.ReplaceAll(line, "127.0.0.1:4580", at) + "\n"
		case len(lines) == 0 || !strings.HasPrefix(line, lines[0].begins):
			t.Errorf("not expected here: %s", line)
		default:
			want := lines[0]
			lines = lines[1:]
			t.Run(program, func(t *testing.T) {
				port := e.await(e.stdout, `^DNS           127\.0\.0\.1:(\d+) `)[1]
				tool.Path(t, program)
				sh := exec.CommandContext(t.Context(), "sh", "-c", shell+strings.ReplaceAll(line, "-p 5053", "-p "+port))
				sh.Dir = "../.."
				var stderr bytes.Buffer
				sh.Stderr = &stderr
				out, err := sh.Output()
				if sh.ProcessState == nil {
					t.Fatal(err)
				}
				if code := sh.ProcessState.ExitCode(); code != want.code || !regexp.MustCompile(want.prints).Match(out) || want.prints == "" && len(out) > 0 {
					t.Errorf("%s\nexit code %d, want %d; want %s\n%s%s", line, code, want.code, want.prints, out, &stderr)
				}
				if want.code == 2 {
					sameAsShown(t, string(out))
				}
			})
		}
	}
	if len(lines) > 0 {
		t.Errorf("not in the README: %s", lines[0].begins)
	}
}

// sameAsShown compares a plan with the one of the README, but for the zone's ID.
func sameAsShown(t *testing.T, plan string) {
	t.Helper()
	shown := regexp.MustCompile(`(?m)^    example\.com\. \(Z\w+\): .*\n(?:    .*\n)+`).FindString(readme(t))
	id := regexp.MustCompile(`\(Z\w+\)`)
	want := id.ReplaceAllString(strings.ReplaceAll("\n"+shown, "\n    ", "\n"), "(ID)")
	if diff := cmp.Diff(strings.TrimSpace(want), strings.TrimSpace(id.ReplaceAllString(plan, "(ID)"))); diff != "" {
		t.Errorf("the plan (-README +printed):\n%s", diff)
	}
}

// TestReadmeManifest holds the manifest that the README shows against the file.
func TestReadmeManifest(t *testing.T) {
	shown := regexp.MustCompile("(?s)\n```yaml\n(.*?)```").FindStringSubmatch(readme(t))
	file, err := os.ReadFile("../../examples/demo/nginx.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if shown == nil || !strings.HasSuffix("\n"+string(file), "\n"+shown[1]) {
		t.Errorf("the README and the example differ:\n%s", file)
	}
}

// TestReadmeMakes looks for the targets that the README names.
func TestReadmeMakes(t *testing.T) {
	makefile, err := os.ReadFile("../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	for _, target := range regexp.MustCompile("(?m)(?:^    |`)make (\\w+)").FindAllStringSubmatch(readme(t), -1) {
		if !strings.Contains(string(makefile), "\n"+target[1]+":") {
			t.Errorf("there is no make %s", target[1])
		}
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
