package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	mdns "github.com/miekg/dns"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/provider"
	"github.com/signpost-dns/signpost/internal/provider/route53"
)

// TestScripts runs the scripts that are the manual. Beside the usual commands
// they have:
//
//	emulator [flags]    run signpost emulator until the script ends; $AWS_ENDPOINT_URL is its API,
//	                    and with --instance the metadata service's too
//	load DOMAIN FILE    put the record sets of a zone file, with names below DOMAIN, into the zone, in place
//	                    of those of the same name, type and identifier; DOMAIN,private is a private zone
//	unload DOMAIN FILE  take them out
//	zone DOMAIN         print what the zone holds, without its SOA and NS; $LISTED is its ID
//	record NAME TYPE VALUE  put a record set into the first zone of the emulator, whose ID is $ZONE
//	follow CODE COMMAND run a command that docs/from-externaldns.md shows, and expect that exit code
//	followed            check that no command of the page is left
//	dig NAME TYPE       ask the emulator's DNS
//	calls               print the calls of the API since the last time, one a line
//	apiserver [DENIED]  run an API server with one Ingress, at $APISERVER, that denies a resource
//	silence             listen at $SILENCE, and never answer
//	metadata            run an instance metadata service that has no role to give
func TestScripts(t *testing.T) {
	examples, err := filepath.Abs("../../examples")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                "testdata/script",
		RequireUniqueNames: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("EXAMPLES", examples)
			env.Setenv("GORACE", "atexit_sleep_ms=0") // else each command line would end a second late under -race
			env.Setenv("AWS_ACCESS_KEY_ID", "any")
			env.Setenv("AWS_SECRET_ACCESS_KEY", "any")
			env.Setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1") // until the script has an emulator
			env.Setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:1")
			env.Values[emulatorKey{}] = &emulation{}
			return newTrail(env)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"emulator": func(ts *testscript.TestScript, neg bool, args []string) {
				plain(ts, neg, len(args), -1)
				startEmulator(ts, args)
			},
			"zone": func(ts *testscript.TestScript, neg bool, args []string) {
				plain(ts, neg, len(args), 1)
				printZone(ts, args[0])
			},
			"load": func(ts *testscript.TestScript, neg bool, args []string) {
				plain(ts, neg, len(args), 2)
				loadZone(ts, args[0], args[1], true)
			},
			"unload": func(ts *testscript.TestScript, neg bool, args []string) {
				plain(ts, neg, len(args), 2)
				loadZone(ts, args[0], args[1], false)
			},
			"follow":   follow,
			"followed": followed,
			"dig": func(ts *testscript.TestScript, neg bool, args []string) {
				plain(ts, neg, len(args), 2)
				answer, err := ask(emulationOf(ts).dns, args[0], args[1])
				ts.Check(err)
				fmt.Fprintln(ts.Stdout(), strings.Join(answer, "\n"))
			},
			"record": func(ts *testscript.TestScript, neg bool, args []string) {
				plain(ts, neg, len(args), 3)
				putRecord(ts, args[0], args[1], args[2])
			},
			"calls": func(ts *testscript.TestScript, neg bool, args []string) {
				plain(ts, neg, len(args), 0)
				for _, line := range emulationOf(ts).fetch() {
					fmt.Fprintln(ts.Stdout(), line)
				}
			},
			"apiserver": func(ts *testscript.TestScript, neg bool, args []string) {
				plain(ts, neg, len(args), -1)
				startAPIServer(ts, args)
			},
			"silence": func(ts *testscript.TestScript, neg bool, args []string) {
				plain(ts, neg, len(args), 0)
				startSilence(ts)
			},
			"metadata": func(ts *testscript.TestScript, neg bool, args []string) {
				plain(ts, neg, len(args), 0)
				startMetadata(ts)
			},
		},
	})
}

// plain refuses what a command does not take; -1 is any number of arguments.
func plain(ts *testscript.TestScript, neg bool, got, want int) {
	if neg || want >= 0 && got != want {
		ts.Fatalf("the command takes %d arguments and no !", want)
	}
}

type emulatorKey struct{}

// emulation is the emulator of a script.
type emulation struct {
	dns string // address

	mu    sync.Mutex
	calls []string
}

func emulationOf(ts *testscript.TestScript) *emulation {
	return ts.Value(emulatorKey{}).(*emulation)
}

// startEmulator runs the command in this process, and reads the addresses that
// it prints.
func startEmulator(ts *testscript.TestScript, args []string) {
	instance := false
	for i, arg := range args { // files are the script's
		for _, flag := range []string{"--iam-policy=", "--role="} {
			if key, file, ok := strings.Cut(strings.TrimPrefix(arg, flag), "="); ok && strings.HasPrefix(arg, flag) {
				args[i] = flag + key + "=" + ts.MkAbs(file)
			}
		}
		if arg == "--instance" {
			instance = true
		}
	}
	args = append([]string{"emulator", "--address=127.0.0.1:0", "--dns-address=127.0.0.1:0", "--log-format=json"}, args...)
	ctx, stop := context.WithCancel(context.Background())
	stdout, out := io.Pipe()
	e := emulationOf(ts)
	code := make(chan int, 1)
	go func() {
		defer out.Close()
		code <- Main(ctx, args, System{Stdout: out, Stderr: e, LookupEnv: environ(nil)})
	}()
	ts.Defer(func() {
		stop()
		if c := <-code; c != 0 {
			ts.Logf("the emulator ended with exit code %d", c)
		}
	})
	lines := bufio.NewScanner(stdout)
	if lines.Scan() {
		url := strings.Fields(lines.Text())[3]
		ts.Setenv("AWS_ENDPOINT_URL", url)
		if instance {
			ts.Setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", url)
		}
		ts.Setenv("ADDRESS", strings.TrimPrefix(url, "http://"))
	}
	if lines.Scan() {
		e.dns = strings.Fields(lines.Text())[1]
	}
	if lines.Scan() {
		if _, id, ok := strings.Cut(lines.Text(), "("); ok {
			ts.Setenv("ZONE", strings.TrimSuffix(id, ")"))
		}
	}
	if e.dns == "" {
		ts.Fatalf("the emulator has printed no addresses: %s", e.calls)
	}
	go func() { _, _ = io.Copy(io.Discard, stdout) }()
}

// Write takes a line of the emulator's log.
func (e *emulation) Write(line []byte) (int, error) {
	var call struct{ Msg, Action, Status, Code, Changes string }
	text := string(line)
	if err := json.Unmarshal(line, &call); err == nil && call.Msg == "call" {
		text = call.Action
		if call.Changes != "0" {
			text += " of " + call.Changes
		}
		if call.Code != "" {
			text += ": " + call.Code
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.calls = append(e.calls, text)
	return len(line), nil
}

func (e *emulation) fetch() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	calls := e.calls
	e.calls = nil
	return calls
}

// printZone lists the zone over the API, which does not count among the calls.
func printZone(ts *testscript.TestScript, domain string) {
	calls := emulationOf(ts).fetch()
	p, z := zoneOf(ts, domain)
	all := slices.DeleteFunc(listZone(ts, p, z), func(s dns.RecordSet) bool { return s.Name == z.Name && (s.Type == "SOA" || s.Type == "NS") })
	fmt.Fprint(ts.Stdout(), dns.Format(dns.Root, all))
	ts.Setenv("LISTED", z.ID)
	e := emulationOf(ts)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.calls = calls
}

// zoneOf returns the zone of a domain, or with ",private" behind it the private
// one.
func zoneOf(ts *testscript.TestScript, domain string) (provider.Provider, dns.Zone) {
	domain, private := strings.CutSuffix(domain, ",private")
	p, err := route53.NewStatic(ts.Getenv("AWS_ENDPOINT_URL"), nil, route53.Options{}, dns.Filter{})
	ts.Check(err)
	zones, err := p.Zones(context.Background())
	ts.Check(err)
	i := slices.IndexFunc(zones, func(z dns.Zone) bool { return z.Name.Host() == domain && z.Private == private })
	if i < 0 {
		ts.Fatalf("there is no zone %s", domain)
	}
	return p, zones[i]
}

func listZone(ts *testscript.TestScript, p provider.Provider, z dns.Zone) (all []dns.RecordSet) {
	for cursor, first := provider.Cursor(""), true; first || cursor != ""; first = false {
		sets, next, err := p.Page(context.Background(), z, cursor)
		ts.Check(err)
		all, cursor = append(all, sets...), next
	}
	return all
}

// putRecord writes as a person would, which does not count among the calls.
func putRecord(ts *testscript.TestScript, name, typ, value string) {
	calls := emulationOf(ts).fetch()
	p, err := route53.NewStatic(ts.Getenv("AWS_ENDPOINT_URL"), nil, route53.Options{}, dns.Filter{})
	ts.Check(err)
	owner, err := dns.ParseName(name)
	ts.Check(err)
	set, err := dns.NewRecordSet(dns.Key{Name: owner, Type: dns.Type(typ)}, 60, value)
	ts.Check(err)
	ts.Check(p.Apply(context.Background(), dns.Zone{ID: ts.Getenv("ZONE")}, dns.Batch{{{New: &set}}}))
	e := emulationOf(ts)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.calls = calls
}

// loadZone puts the record sets of a file into a zone, or takes them out, over
// the API, which does not count among the calls.
func loadZone(ts *testscript.TestScript, domain, file string, in bool) {
	calls := emulationOf(ts).fetch()
	p, z := zoneOf(ts, domain)
	sets, err := dns.Parse(z.Name, ts.ReadFile(file))
	ts.Check(err)
	have := listZone(ts, p, z)
	var group dns.Group
	for _, set := range sets {
		var c dns.Change
		if i := slices.IndexFunc(have, func(s dns.RecordSet) bool { return s.Key == set.Key }); i >= 0 {
			c.Old = &have[i]
		}
		if in {
			c.New = &set
		}
		group = append(group, c)
	}
	ts.Check(p.Apply(context.Background(), z, dns.Batch{group}))
	e := emulationOf(ts)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.calls = calls
}

// ask returns the RDATA that a name server answers with, without final dots.
func ask(server, name, qtype string) ([]string, error) {
	q := new(mdns.Msg).SetQuestion(mdns.Fqdn(name), mdns.StringToType[qtype])
	client := mdns.Client{Timeout: time.Minute}
	answer, _, err := client.Exchange(q, server)
	if err != nil {
		return nil, fmt.Errorf("ask %s for %s %s: %w", server, name, qtype, err)
	}
	if answer.Rcode != mdns.RcodeSuccess {
		return []string{mdns.RcodeToString[answer.Rcode]}, nil
	}
	var data []string
	for _, rr := range answer.Answer {
		data = append(data, strings.TrimSuffix(strings.TrimPrefix(rr.String(), rr.Header().String()), "."))
	}
	return data, nil
}
