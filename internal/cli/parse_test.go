package cli

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// sample has one flag of each kind.
type sample struct {
	Word  string        `name:"word" default:"plain"`
	Mode  string        `name:"mode" enum:",slow,fast" default:""`
	On    bool          `name:"on"`
	Auto  bool          `name:"auto" default:"true"`
	Tri   *bool         `name:"tri"`
	Wait  time.Duration `name:"wait" default:"1m"`
	Count int           `name:"count" default:"7"`
	Bytes int64         `name:"bytes"`
	List  []string      `name:"list"`
	Kinds []string      `name:"kinds" enum:"a,b,c" default:"a,b"`
	Free  []string      `name:"free" comma:"ok"`
	Port  int           `name:"rfc2136-port"`
	Key   string        `name:"key" secret:""`
	Pace  time.Duration `name:"pace" secret:""`
	Out   string        `name:"output" short:"o" enum:"text,json" default:"text"`
}

func (*sample) Run(context.Context, *call) error { return nil }

// byDefault is what sample holds when nothing is given.
func byDefault(change func(*sample)) sample {
	s := sample{Word: "plain", Auto: true, Wait: time.Minute, Count: 7, Kinds: []string{"a", "b"}, Out: "text"}
	change(&s)
	return s
}

func parseSample(args []string, vars map[string]string) (sample, parsed, error) {
	var s sample
	p, err := parse(command{name: "sample"}, &s, args, System{LookupEnv: environ(vars)})
	return s, p, err
}

func TestParse(t *testing.T) {
	off := false
	tests := []struct {
		args string // separated by blanks, "·" stands for a blank
		want func(*sample)
	}{
		{"", func(*sample) {}},
		{"--word=x", func(s *sample) { s.Word = "x" }},
		{"--word x", func(s *sample) { s.Word = "x" }},
		{"--word=a=b", func(s *sample) { s.Word = "a=b" }},
		{"--word=", func(s *sample) { s.Word = "" }},
		{"--word=-x", func(s *sample) { s.Word = "-x" }},
		{"--word=@x", func(s *sample) { s.Word = "@x" }},
		{"--word -", func(s *sample) { s.Word = "-" }},
		{"--word=\xff", func(s *sample) { s.Word = "\xff" }},
		{"--word=·x·", func(s *sample) { s.Word = " x " }},
		{"--mode=fast", func(s *sample) { s.Mode = "fast" }},
		{"--mode=", func(*sample) {}},
		{"--on", func(s *sample) { s.On = true }},
		{"--on=true", func(s *sample) { s.On = true }},
		{"--on=False", func(*sample) {}},
		{"--no-on", func(*sample) {}},
		{"--no-auto", func(s *sample) { s.Auto = false }},
		{"--auto=0", func(s *sample) { s.Auto = false }},
		{"--no-tri", func(s *sample) { s.Tri = &off }},
		{"--wait=1w2d", func(s *sample) { s.Wait = 9 * 24 * time.Hour }},
		{"--wait=0", func(s *sample) { s.Wait = 0 }},
		{"--wait=-5s", func(s *sample) { s.Wait = -5 * time.Second }},
		{"--count=1e3", func(s *sample) { s.Count = 1000 }},
		{"--count=1e+06", func(s *sample) { s.Count = 1000000 }},
		{"--count=1.9", func(s *sample) { s.Count = 1 }},
		{"--bytes=33554432", func(s *sample) { s.Bytes = 33554432 }},
		{"--list=a --list b", func(s *sample) { s.List = []string{"a", "b"} }},
		{"--list=", func(s *sample) { s.List = []string{""} }},
		{"--list=a\\b", func(s *sample) { s.List = []string{`a\b`} }},
		{"--kinds=c", func(s *sample) { s.Kinds = []string{"c"} }},
		{"--kinds=c --kinds=a", func(s *sample) { s.Kinds = []string{"c", "a"} }},
		{"--free=a,b", func(s *sample) { s.Free = []string{"a,b"} }},
		{"-o json", func(s *sample) { s.Out = "json" }},
		{"-ojson", func(s *sample) { s.Out = "json" }},
		{"-o=json", func(s *sample) { s.Out = "json" }},
		{"--on --", func(s *sample) { s.On = true }},
	}
	for _, tt := range tests {
		t.Run(tt.args, func(t *testing.T) {
			got, _, err := parseSample(fields(tt.args), nil)
			if err != nil {
				t.Fatalf("%v (hint: %s)", err, hintOf(err))
			}
			if diff := cmp.Diff(byDefault(tt.want), got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func fields(line string) []string {
	args := strings.Fields(line)
	for i := range args {
		args[i] = strings.ReplaceAll(args[i], "·", " ")
	}
	return args
}

func TestParseRefuses(t *testing.T) {
	tests := []struct {
		args, message, hint string
	}{
		{"--wrod=x", "unknown flag --wrod", "did you mean --word?"},
		{"--no-atuo", "unknown flag --no-atuo", "did you mean --no-auto?"},
		{"--WORD=x", "unknown flag --WORD", "did you mean --word?"},
		{"--zzzzzz", "unknown flag --zzzzzz", "signpost sample --help lists the flags"},
		{"-list=x", "unknown flag -list", "did you mean --list?"},
		{"--no-word", "unknown flag --no-word: --word takes a value and has no opposite", "leave --word out for its default"},
		{"--word=a --word=a", "--word is given twice", "keep one of them"},
		{"--on --on", "--on is given twice", "keep one of them"},
		{"--on --no-on", "--on is given twice", "keep one of them"},
		{"--no-on=true", "--no-on takes no value", "write --no-on or --on"},
		{"--on=maybe", `--on: "maybe" is neither true nor false`, "write --on or --no-on"},
		{"--on true", `unexpected argument "true"`, "a flag that is on or off takes its value behind an equals sign: --events=true"},
		{"stray", `unexpected argument "stray"`, "the form is: signpost sample [flags]; the value of a flag is written as --flag=value"},
		{"version", `unexpected argument "version"`, "the command comes first: signpost version ..."},
		{"-- --on", `unexpected argument "--on"`, "the form is: signpost sample [flags]; the value of a flag is written as --flag=value"},
		{"--word", "--word: the value is missing", "write --word=VALUE"},
		{"--word --on", "--word: the value is missing, the next argument is --on",
			"a value that begins with - is written behind an equals sign: --word=--on"},
		{"--mode=fsat", `--mode: "fsat" is not one of slow, fast`, "did you mean fast?"},
		{"--mode=FAST", `--mode: "FAST" is not one of slow, fast`, "did you mean fast?"},
		{"--kinds=a,b", `--kinds: "a,b" holds a comma, and lists are not split at commas`,
			"give the flag once for each value: --kinds=a --kinds=b"},
		{"--list=a,b", `--list: "a,b" holds a comma, and lists are not split at commas`,
			"give the flag once for each value: --list=a --list=b"},
		{"--wait=72", `--wait: "72" is not a duration`, "add the unit: 72s, 72m or 72h"},
		{"--wait=", `--wait: "" is not a duration`, "write a number and its unit (s, m, h, d or w), such as 90s or 1h30m"},
		{"--wait=5x", `--wait: "5x" is not a duration`, "write a number and its unit (s, m, h, d or w), such as 90s or 1h30m"},
		{"--wait=99999999w", `--wait: "99999999w" is not a duration`, "write a number and its unit (s, m, h, d or w), such as 90s or 1h30m"},
		{"--count=0x10", `--count: "0x10" is not a whole number`, "write a whole number, such as 1000 or 1e3"},
		{"--count=NaN", `--count: "NaN" is not a whole number`, "write a whole number, such as 1000 or 1e3"},
		{"--count=1e30", `--count: "1e30" is not a whole number`, "write a whole number, such as 1000 or 1e3"},
		{"--bytes=1e3", `--bytes: "1e3" is not a whole number`, "write digits only"},
		{"--pace=5apples", "--pace: the value cannot be used", "write a number and its unit (s, m, h, d or w), such as 90s or 1h30m"},
	}
	for _, tt := range tests {
		t.Run(tt.args, func(t *testing.T) {
			_, _, err := parseSample(fields(tt.args), nil)
			wantError(t, err, tt.message, tt.hint)
		})
	}
}

func wantError(t *testing.T, err error, message, hint string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want %q", message)
	}
	if err.Error() != message {
		t.Errorf("error %q, want %q", err, message)
	}
	if got := hintOf(err); got != hint {
		t.Errorf("hint %q, want %q", got, hint)
	}
}

func TestEnvironment(t *testing.T) {
	tests := []struct {
		name string
		args string
		vars map[string]string
		want func(*sample)
	}{
		{"ExternalDNS's name", "", map[string]string{"EXTERNAL_DNS_WORD": "x"}, func(s *sample) { s.Word = "x" }},
		{"ours", "", map[string]string{"SIGNPOST_WORD": "x"}, func(s *sample) { s.Word = "x" }},
		{"ours wins", "", map[string]string{"SIGNPOST_WORD": "x", "EXTERNAL_DNS_WORD": "y"}, func(s *sample) { s.Word = "x" }},
		{"empty is not set", "", map[string]string{"SIGNPOST_WORD": "", "EXTERNAL_DNS_WORD": "y"}, func(s *sample) { s.Word = "y" }},
		{"a flag wins", "--word=z", map[string]string{"SIGNPOST_WORD": "x"}, func(s *sample) { s.Word = "z" }},
		{"and the variable is not read", "--wait=2m", map[string]string{"SIGNPOST_WAIT": "rubbish"},
			func(s *sample) { s.Wait = 2 * time.Minute }},
		{"list", "", map[string]string{"EXTERNAL_DNS_LIST": "a b\nc\r\nd\n"}, func(s *sample) { s.List = []string{"a b", "c", "d"} }},
		{"only one last line end is dropped", "", map[string]string{"EXTERNAL_DNS_LIST": "a\n\n"}, func(s *sample) { s.List = []string{"a", ""} }},
		{"a list flag replaces", "--list=z", map[string]string{"EXTERNAL_DNS_LIST": "a"}, func(s *sample) { s.List = []string{"z"} }},
		{"a variable replaces the default", "", map[string]string{"EXTERNAL_DNS_KINDS": "c"}, func(s *sample) { s.Kinds = []string{"c"} }},
		{"bool", "", map[string]string{"EXTERNAL_DNS_ON": "T", "EXTERNAL_DNS_AUTO": "FALSE"}, func(s *sample) { s.On, s.Auto = true, false }},
		{"text keeps its line end", "", map[string]string{"EXTERNAL_DNS_WORD": "x\n"}, func(s *sample) { s.Word = "x\n" }},
		{"a number does not", "", map[string]string{"EXTERNAL_DNS_COUNT": "5\n", "EXTERNAL_DNS_MODE": "fast\n"},
			func(s *sample) { s.Count, s.Mode = 5, "fast" }},
		{"a Service's port", "", map[string]string{"EXTERNAL_DNS_RFC2136_PORT": "tcp://10.0.0.1:53"}, func(*sample) {}},
		{"a port", "", map[string]string{"EXTERNAL_DNS_RFC2136_PORT": "53"}, func(s *sample) { s.Port = 53 }},
		{"unknown ones", "", map[string]string{"EXTERNAL_DNS_NO_AUTO": "1", "EXTERNAL_DNS_HELP": "1", "EXTERNAL_DNS_VERSION": "1",
			"external_dns_word": "x", "EXTERNAL_DNS_COMPATIBILITY": "mate"}, func(*sample) {}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, _, err := parseSample(fields(tt.args), tt.vars)
			if err != nil {
				t.Fatalf("%v (hint: %s)", err, hintOf(err))
			}
			if diff := cmp.Diff(byDefault(tt.want), got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestEnvironmentRefuses(t *testing.T) {
	tests := []struct {
		name, value, message, hint string
	}{
		{"EXTERNAL_DNS_ON", "yes", `--on (from EXTERNAL_DNS_ON): "yes" is neither true nor false`, "write --on or --no-on"},
		{"SIGNPOST_WAIT", "72", `--wait (from SIGNPOST_WAIT): "72" is not a duration`, "add the unit: 72s, 72m or 72h"},
		{"EXTERNAL_DNS_KINDS", "a,b", `--kinds (from EXTERNAL_DNS_KINDS): "a,b" holds a comma, and lists are not split at commas`,
			"in a variable, write each value on a line of its own"},
		{"EXTERNAL_DNS_KINDS", "a b", `--kinds (from EXTERNAL_DNS_KINDS): "a b" is not one of a, b, c`, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name+"="+tt.value, func(t *testing.T) {
			_, _, err := parseSample(nil, map[string]string{tt.name: tt.value})
			wantError(t, err, tt.message, tt.hint)
		})
	}
}

func TestGiven(t *testing.T) {
	_, p, err := parseSample(fields("--word=x --list=a --list=b --key=hush --no-auto"), map[string]string{"SIGNPOST_COUNT": "5"})
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := printSettings(&out, p.given); err != nil {
		t.Fatal(err)
	}
	want := "--auto=false\n--count=5  # SIGNPOST_COUNT\n--key=******\n--list=a\n--list=b\n--word=x\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestArgumentFiles(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return "@" + path
	}
	inner := file("inner", "--on\n")
	outer := file("outer", "# what we run with\n\n--word=two words\r\n--list\nfirst\n"+inner+"\n")
	got, _, err := parseSample([]string{outer, "--list=second"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := byDefault(func(s *sample) { s.Word, s.List, s.On = "two words", []string{"first", "second"}, true })
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}

	_, _, err = parseSample([]string{"@" + filepath.Join(dir, "none")}, nil)
	if err == nil || !strings.Contains(err.Error(), "no such file") || hintOf(err) == "" {
		t.Errorf("a missing file: error %v, hint %q", err, hintOf(err))
	}
	loop := filepath.Join(dir, "loop")
	_, _, err = parseSample([]string{file("loop", "@"+loop+"\n")}, nil)
	if err == nil || hintOf(err) != "does the file name itself?" {
		t.Errorf("a file that names itself: error %v, hint %q", err, hintOf(err))
	}
	_, _, err = parseSample([]string{"--", "@" + loop}, nil)
	wantError(t, err, `unexpected argument "@`+loop+`"`, "the form is: signpost sample [flags]; the value of a flag is written as --flag=value")
}

func TestHelpAndVersionAnywhere(t *testing.T) {
	_, p, err := parseSample([]string{"--on", "--help", "--no-such-flag"}, nil)
	if err != nil || !p.help {
		t.Errorf("--help: %+v, %v", p, err)
	}
	_, p, err = parseSample([]string{"--version"}, map[string]string{"SIGNPOST_WAIT": "72"})
	if err != nil || !p.version {
		t.Errorf("--version: %+v, %v", p, err)
	}
}

// Whatever text is given reaches the field as it is.
func TestTextIsKept(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.String().Draw(t, "word")
		list := rapid.SliceOfN(rapid.String(), 1, 4).Draw(t, "list")
		args := []string{"--word=" + word}
		for _, v := range list {
			args = append(args, "--free="+v)
		}
		got, _, err := parseSample(args, nil)
		if err != nil {
			t.Fatal(err)
		}
		want := byDefault(func(s *sample) { s.Word, s.Free = word, list })
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	})
}

func TestParseDuration(t *testing.T) {
	tests := map[string]time.Duration{
		"1w2d": 216 * time.Hour, "1.5h": 90 * time.Minute, "0.5d": 12 * time.Hour, "1d12h30m": 36*time.Hour + 30*time.Minute,
		"0": 0, "0s": 0, "-1d": -24 * time.Hour, "+3s": 3 * time.Second, "1h0.5m": time.Hour + 30*time.Second,
	}
	for text, want := range tests {
		if got, err := parseDuration(text); err != nil || got != want {
			t.Errorf("parseDuration(%q) = %v, %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "-", "d", ".d", "1", "1d2", "1.2.3d", "1 d", "--1s", "1d-2h", "200000w200000w"} {
		if got, err := parseDuration(text); err == nil {
			t.Errorf("parseDuration(%q) = %v, want an error", text, got)
		}
	}
	rapid.Check(t, func(t *rapid.T) { // Go's own notation is part of ours
		d := time.Duration(rapid.Int64Range(-1<<53, 1<<53).Draw(t, "d"))
		if got, err := parseDuration(d.String()); err != nil || got != d {
			t.Errorf("parseDuration(%q) = %v, %v", d, got, err)
		}
	})
}
