package cli

import (
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/plan"
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

// kOps's own arguments, to the letter.
func TestKOps(t *testing.T) {
	const args = `--provider=aws --events --source=ingress --source=pod --source=service --compatibility=kops-dns-controller
		--registry=txt --txt-owner-id=kops-c.example.com --zone-id-filter=Z1`
	for _, more := range []string{"", " --namespace=kube-system"} {
		run, s, warnings, err := settingsOf(args+more, nil)
		if err != nil || len(warnings) > 0 {
			t.Fatalf("%v (hint: %s), warnings %q", err, hintOf(err), warnings)
		}
		if err := run.check(); err != nil {
			t.Errorf("the command refuses them: %v", err)
		}
		want := Settings{Sources: []string{"ingress", "pod", "service"}, Provider: "aws", Policy: "upsert-only", Owned: true,
			Owner: "kops-c.example.com", Types: []dns.Type{dns.A, dns.AAAA, dns.CNAME}, DeleteGrace: s.DeleteGrace, Pacing: s.Pacing}
		if diff := cmp.Diff(want, s, cmp.Comparer(sameFilter), cmpopts.EquateComparable(plan.Limit{})); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
		if run.Source.Compatibility != "kops-dns-controller" || !slices.Equal(run.Route53.ZoneIDFilter, []string{"Z1"}) ||
			(run.Objects.Namespace != "") != (more != "") {
			t.Errorf("compatibility %q, zones %q, namespace %q", run.Source.Compatibility, run.Route53.ZoneIDFilter, run.Objects.Namespace)
		}
	}
}
