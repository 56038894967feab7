package cli

import (
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"

	"github.com/signpost-dns/signpost/internal/source"
)

// legacy is a flag of ExternalDNS's, a line of testdata/externaldns.txt.
type legacy struct {
	name, kind, standard, accepted, refused string
	beside                                  []string
}

func legacyFlags(t *testing.T) []legacy {
	t.Helper()
	text, err := os.ReadFile("testdata/externaldns.txt")
	if err != nil {
		t.Fatal(err)
	}
	var flags []legacy
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if len(f) == 0 || f[0] == "#" {
			continue
		}
		if len(f) < 5 {
			t.Fatalf("a line of %d words: %s", len(f), line)
		}
		flags = append(flags, legacy{f[0], f[1], f[2], f[3], f[4], f[5:]})
	}
	return flags
}

// judge returns what becomes of a command line before anything is opened.
func judge(args []string, vars map[string]string) ([]string, error) {
	var run runCommand
	p, err := parse(runWord(), &run, args, System{LookupEnv: environ(vars)})
	if err != nil {
		return nil, err
	}
	return p.warnings, run.check()
}

const notYet = " is not in Signpost yet"

// Every flag that ExternalDNS has or had is known, with its kind and default,
// takes what ExternalDNS takes, and refuses what ExternalDNS refuses or silently
// ignores. One that this build lacks is passed over with one warning, or
// refuses the start.
func TestEveryFlagOfExternalDNS(t *testing.T) {
	m, err := newModel(&runCommand{})
	if err != nil {
		t.Fatal(err)
	}
	table := map[string]foreignFlag{}
	for _, f := range foreignFlags() {
		table[f.name] = f
	}
	built := func(args ...string) bool {
		for _, arg := range args {
			name, _, _ := strings.Cut(strings.TrimPrefix(arg, "--"), "=")
			if m.flags[name] == nil && table[name].refused {
				return false
			}
		}
		return true
	}
	for _, f := range legacyFlags(t) {
		if f.name == "version" {
			continue // ends everything, see TestHelpAndVersionAnywhere
		}
		t.Run(f.name, func(t *testing.T) {
			flag, foreign := m.flags[f.name], table[f.name]
			switch {
			case flag != nil:
				checkModelled(t, m, flag, f)
			case foreign.name == "":
				t.Fatal("the flag is unknown")
			default:
				checkForeign(t, foreign, f)
			}
			arg := "--" + f.name + "=" + f.accepted
			args := append([]string{arg}, f.beside...)
			for _, usual := range []string{"--source=service", "--provider=aws"} {
				if name, _, _ := strings.Cut(usual, "="); name != "--"+f.name {
					args = append(args, usual)
				}
			}
			variable := map[string]string{"EXTERNAL_DNS_" + variableName(f.name): f.accepted}
			for how, given := range map[string]func() ([]string, error){
				"flag":           func() ([]string, error) { return judge(args, nil) },
				"flag and value": func() ([]string, error) { return judge(split(args, f), nil) },
				"variable":       func() ([]string, error) { return judge(args[1:], variable) },
				"over a variable": func() ([]string, error) {
					return judge(args, map[string]string{"EXTERNAL_DNS_" + variableName(f.name): f.refused})
				},
			} {
				warnings, err := given()
				switch {
				case !built(args...):
					if err == nil || !strings.Contains(err.Error(), notYet) {
						t.Errorf("%s: %v, want a refusal", how, err)
					}
				case err != nil:
					t.Errorf("%s %v: %v (hint: %s)", how, args, err, hintOf(err))
				case flag == nil && len(warnings) != 1:
					t.Errorf("%s: warnings %q, want one", how, warnings)
				}
			}
			if f.kind == "bool" {
				if _, err := judge(append([]string{"--no-" + f.name}, args[1:]...), nil); err != nil && built(args[1:]...) {
					t.Errorf("--no-%s: %v", f.name, err)
				}
			}
			if refused := strings.Trim(f.refused, `"`); f.refused != "-" {
				if _, err := judge(append([]string{"--" + f.name + "=" + refused}, args[1:]...), nil); err == nil {
					t.Errorf("--%s=%s is not refused", f.name, refused)
				}
			}
		})
	}
}

// split writes the first argument as a flag and a value, where ExternalDNS
// takes that.
func split(args []string, f legacy) []string {
	if f.kind == "bool" {
		return append([]string{"--" + f.name}, args[1:]...)
	}
	return append([]string{"--" + f.name, f.accepted}, args[1:]...)
}

// checkModelled holds a flag of ours to ExternalDNS's kind and default.
func checkModelled(t *testing.T, m *model, flag *kong.Flag, f legacy) {
	t.Helper()
	if got := kindOf(flag); got != f.kind {
		t.Errorf("kind %s, want %s", got, f.kind)
	}
	if slices.Contains([]string{"txt-encrypt-aes-key", "aws-assume-role-external-id"}, f.name) && !flag.Tag.Has("secret") {
		t.Error("ExternalDNS does not print the value: the flag needs the tag secret")
	}
	if strings.HasSuffix(f.name, "-template") && flag.Tag.Get("comma") != "ok" {
		t.Error("a template may hold a comma: the flag needs the tag comma")
	}
	// Defaults that are ours on purpose.
	differs := map[string]string{
		"annotation-prefix": "both of ExternalDNS's are read",
		"log-format":        "text, but for terminals",
	}
	pointer := flag.Target.Kind() == reflect.Pointer // acts only when given
	if differs[f.name] != "" || pointer {
		return
	}
	got := flag.Default
	if flag.IsCumulative() {
		got = strings.Join(m.lists[flag.Name], ",")
	}
	if !sameDefault(f, got) {
		t.Errorf("default %q, want %q", got, f.standard)
	}
}

func sameDefault(f legacy, got string) bool {
	want := f.standard
	if want == "-" {
		want = ""
	}
	switch {
	case f.kind == "bool":
		return (parseBool(got) == yes) == (parseBool(want) == yes)
	case f.kind == "duration" && got == "":
		got = "0s"
	case f.kind == "int" && got == "":
		got = "0"
	}
	return got == want
}

func kindOf(flag *kong.Flag) string {
	target := flag.Target.Type()
	if target.Kind() == reflect.Pointer {
		target = target.Elem()
	}
	switch {
	case target == reflect.TypeFor[time.Duration]():
		return "duration"
	case target.Kind() == reflect.Bool, target.Kind() == reflect.Int, target.Kind() == reflect.Int64, target.Kind() == reflect.Map:
		return target.Kind().String()
	case target.Kind() == reflect.Slice:
		return "list"
	case flag.Enum != "":
		return "enum"
	}
	return "text"
}

func checkForeign(t *testing.T, foreign foreignFlag, f legacy) {
	t.Helper()
	got := string(foreign.kind)
	switch {
	case got == "":
		got = "text"
	case strings.Contains(got, "|"):
		got = "enum"
	}
	if got != f.kind {
		t.Errorf("kind %s, want %s", got, f.kind)
	}
}

// kOps depends on --compatibility: without it its records would be deleted.
func TestKOps(t *testing.T) {
	const args = `--provider=aws --events --source=ingress --source=pod --source=service --compatibility=kops-dns-controller
		--registry=txt --txt-owner-id=kops-c.example.com --zone-id-filter=Z1`
	m, err := newModel(&runCommand{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = judge(strings.Fields(args), nil)
	switch {
	case m.flags["compatibility"] == nil:
		wantError(t, err, "--compatibility is not in Signpost yet", "without it Signpost would do something else than ExternalDNS did, "+
			"so that it does not start; leave it out if nothing depends on it")
	case !slices.Contains(source.Sources(), "pod"):
		wantError(t, err, "--source=pod is not in Signpost, which knows "+strings.Join(source.Sources(), ", "),
			"leave it out only if its records may go: under --policy=sync they are deleted")
	case err != nil:
		t.Errorf("kOps's arguments: %v (hint: %s)", err, hintOf(err))
	}
	without := strings.NewReplacer("--compatibility=kops-dns-controller", "", "--source=pod", "").Replace(args)
	run, s, _, err := settingsOf(without, nil)
	if err != nil || s.Owner != "kops-c.example.com" || !slices.Equal(run.Route53.ZoneIDFilter, []string{"Z1"}) {
		t.Errorf("without it: %+v, %v", s, err)
	}
}

// docs/flags.md says of every flag of ExternalDNS's what becomes of it, and names
// no flag that is none.
func TestFlagsAreDocumented(t *testing.T) {
	m, err := newModel(&runCommand{})
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../../docs/flags.md")
	if err != nil {
		t.Fatal(err)
	}
	named := map[string]bool{}
	for _, match := range regexp.MustCompile("`(?:--)?([a-z0-9-]+)`").FindAllStringSubmatch(string(page), -1) {
		named[match[1]] = true
	}
	known := map[string]bool{"version": true, "help": true, "print-config": true, "name": true, "no-name": true}
	for _, f := range foreignFlags() {
		known[f.name] = true
	}
	for _, f := range legacyFlags(t) {
		known[f.name] = true
		if !named[f.name] {
			t.Errorf("--%s is not in docs/flags.md", f.name)
		}
	}
	for _, match := range regexp.MustCompile("`--([a-z0-9-]+)").FindAllStringSubmatch(string(page), -1) {
		bare := strings.TrimPrefix(match[1], "no-")
		if name := match[1]; !known[name] && m.flags[name] == nil && m.flags[bare] == nil {
			t.Errorf("docs/flags.md names --%s, which is no flag", name)
		}
	}
}
