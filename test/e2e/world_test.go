package e2e

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/signpost-dns/signpost/internal/emulator"
	"github.com/signpost-dns/signpost/test/e2e/cluster"
)

// program builds the signpost binary once for all stories.
var program = sync.OnceValues(func() (string, error) {
	dir, err := programDir()
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "signpost")
	cmd := exec.Command("go", "build", "-trimpath", "-o", path, "../../cmd/signpost") // as make build does: what is compiled can be shared
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build signpost: %w\n%s", err, out)
	}
	return path, nil
})

// programDir is where it lies; TestMain removes it.
var programDir = sync.OnceValues(func() (string, error) { return os.MkdirTemp("", "signpost-e2e-") })

// patience is how long a story waits for something that comes soon.
const patience = time.Minute

// world is a namespace of a real API server beside an emulated Route 53.
type world struct {
	*cluster.Namespace
	t    *testing.T
	aws  *emulator.Server
	zone string
	env  []string
	user *cluster.User
}

// newWorld has the public zone example.com, and a user with the role that
// ExternalDNS's users have.
func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{Namespace: shared.Namespace(t), t: t, aws: emulator.New(emulator.Config{})}
	w.zone = w.addZone("example.com")
	w.user = w.User(publishedRole)
	server := httptest.NewServer(w.aws)
	t.Cleanup(server.Close)
	w.env = []string{
		"HOME=" + t.TempDir(), "PATH=" + os.Getenv("PATH"),
		"AWS_ENDPOINT_URL=" + server.URL, "AWS_ACCESS_KEY_ID=AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY=secret",
	}
	return w
}

func (w *world) addZone(domain string, options ...emulator.ZoneOption) string {
	w.t.Helper()
	id, err := w.aws.AddZone(domain, options...)
	if err != nil {
		w.t.Fatal(err)
	}
	return id
}

// policy holds the credentials to an IAM policy document.
func (w *world) policy(document string) {
	w.t.Helper()
	if err := w.aws.SetPolicy("AKIDEXAMPLE", []byte(document)); err != nil {
		w.t.Fatal(err)
	}
}

// calls counts the calls that were made with an access key.
func (w *world) calls(key string) int {
	n := 0
	for _, call := range w.aws.Calls() {
		if call.AccessKeyID == key {
			n++
		}
	}
	return n
}

// startAs is start with another access key.
func (w *world) startAs(key string, args ...string) *process {
	w.t.Helper()
	other := *w
	other.env = append(slices.Clone(w.env), "AWS_ACCESS_KEY_ID="+key)
	return other.start(args...)
}

func (w *world) command(ctx context.Context, args []string) *exec.Cmd {
	w.t.Helper()
	path, err := program()
	if err != nil {
		w.t.Fatal(err)
	}
	args = append(args, "--kubeconfig="+w.user.Kubeconfig, "--metrics-address=127.0.0.1:0")
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env = w.env
	return cmd
}

// seedFlags are those of the published manifests.
var seedFlags = []string{"--source=service", "--source=ingress", "--domain-filter=example.com", "--provider=aws",
	"--policy=upsert-only", "--registry=txt", "--txt-owner-id=my-identifier"}

// flags returns the published flags with others in place of those of the same
// name, or added.
func flags(others ...string) []string {
	all := slices.Clone(seedFlags)
	for _, other := range others {
		name, _, _ := strings.Cut(other, "=")
		all = slices.DeleteFunc(all, func(f string) bool { return strings.HasPrefix(f, name+"=") && name != "--source" })
		all = append(all, other)
	}
	return all
}

// once runs signpost with --once and returns its exit code and what it logged.
func (w *world) once(args ...string) (code int, log string) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	var out bytes.Buffer
	cmd := w.command(ctx, append([]string{"run", "--once"}, args...))
	cmd.Stderr = &out
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) || ctx.Err() != nil {
		w.t.Fatalf("run signpost: %v\n%s", err, out.String())
	}
	return cmd.ProcessState.ExitCode(), out.String()
}

// mustOnce is once, and fails the test unless all went well.
func (w *world) mustOnce(args ...string) string {
	w.t.Helper()
	code, log := w.once(args...)
	if code != 0 {
		w.t.Fatalf("signpost run --once %s: exit code %d\n%s", strings.Join(args, " "), code, log)
	}
	return log
}

// process is a signpost that keeps running.
type process struct {
	t    *testing.T
	cmd  *exec.Cmd
	read chan struct{} // closed when its log has ended

	mu    sync.Mutex
	lines []string
	news  chan struct{} // closed and replaced when lines grows
}

// start runs signpost until the test ends or stop is called.
func (w *world) start(args ...string) *process {
	w.t.Helper()
	p := &process{t: w.t, cmd: w.command(w.t.Context(), append([]string{"run"}, args...)),
		read: make(chan struct{}), news: make(chan struct{})}
	pipe, err := p.cmd.StderrPipe()
	if err != nil {
		w.t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	go p.follow(pipe)
	w.t.Cleanup(func() {
		_ = p.cmd.Process.Kill() // it may have ended
		<-p.read
		_ = p.cmd.Wait()
		if w.t.Failed() {
			w.t.Logf("the log of signpost:\n%s", p.log())
		}
	})
	return p
}

func (p *process) follow(pipe io.Reader) {
	defer close(p.read)
	scanner := bufio.NewScanner(pipe)
	for scanner.Scan() {
		p.mu.Lock()
		p.lines = append(p.lines, scanner.Text())
		close(p.news)
		p.news = make(chan struct{})
		p.mu.Unlock()
	}
}

func (p *process) log() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.lines, "\n")
}

// await waits until the log holds a line with all of the words.
func (p *process) await(words ...string) string {
	p.t.Helper()
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	for {
		p.mu.Lock()
		lines, news := slices.Clone(p.lines), p.news
		p.mu.Unlock()
		for _, line := range lines {
			if !slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(line, word) }) {
				return line
			}
		}
		select {
		case <-news:
		case <-p.read:
			p.t.Fatalf("signpost ended without logging %q", words)
		case <-timeout.C:
			p.t.Fatalf("signpost did not log %q", words)
		}
	}
}

// page returns what the process serves at a path.
func (p *process) page(path string) (code int, text string) {
	p.t.Helper()
	address := regexp.MustCompile(`ready="?(http://[^/]+)/readyz`).FindStringSubmatch(p.await("watching"))
	if address == nil {
		p.t.Fatal("signpost does not say where it serves its pages")
	}
	resp, err := http.Get(address[1] + path)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// stop sends SIGTERM's equal for Go's exec and returns the exit code.
func (p *process) stop() int {
	p.t.Helper()
	if err := p.cmd.Process.Signal(os.Interrupt); err != nil {
		p.t.Fatal(err)
	}
	<-p.read
	_ = p.cmd.Wait() // the exit code says it
	return p.cmd.ProcessState.ExitCode()
}

// records prints a zone but for the apex's own NS and SOA, a record a line:
// "www.example.com. 300 A 192.0.2.1", "www.example.com. A -> lb... (Z...)".
func (w *world) records(zone string) []string {
	var lines []string
	for _, set := range w.aws.RecordSets(zone) {
		if set.Type == "NS" || set.Type == "SOA" {
			continue
		}
		if set.Alias != nil {
			lines = append(lines, fmt.Sprintf("%s %s -> %s (%s, health %t)", set.Name, set.Type,
				set.Alias.DNSName, set.Alias.HostedZoneID, set.Alias.EvaluateTargetHealth))
			continue
		}
		for _, v := range set.Values {
			lines = append(lines, fmt.Sprintf("%s %d %s %s", set.Name, set.TTL, set.Type, v))
		}
	}
	slices.Sort(lines)
	return lines
}

// wantZone compares a zone with lines in any order.
func (w *world) wantZone(zone string, want ...string) {
	w.t.Helper()
	slices.Sort(want)
	if d := cmp.Diff(want, w.records(zone)); d != "" {
		w.t.Errorf("the zone (-want +got):\n%s", d)
	}
}

// awaitZone waits until the zone is as wanted.
func (w *world) awaitZone(zone string, want ...string) {
	w.t.Helper()
	slices.Sort(want)
	if !w.until(patience, func() bool { return slices.Equal(w.records(zone), want) }) {
		w.wantZone(zone, want...)
	}
}

// until waits until done says so, for so long, and returns whether it has.
func (w *world) until(patience time.Duration, done func() bool) bool {
	w.t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-deadline.C:
			return false
		}
	}
	return true
}

// claim is the TXT that claims a record set.
func (w *world) claim(name, owner, kind, object string) string {
	return fmt.Sprintf(`%s 300 TXT "heritage=external-dns,external-dns/owner=%s,external-dns/resource=%s/%s/%s"`,
		name, owner, kind, w.Name, object)
}

// edit changes the zone as a person would.
func (w *world) edit(zone, action string, set emulator.RecordSet) {
	w.t.Helper()
	if err := w.aws.Change(zone, emulator.Change{Action: action, Set: set}); err != nil {
		w.t.Fatal(err)
	}
}

// writes counts the calls that were meant to change a zone.
func (w *world) writes() int {
	n := 0
	for _, call := range w.aws.Calls() {
		if call.Action == "ChangeResourceRecordSets" {
			n++
		}
	}
	return n
}
