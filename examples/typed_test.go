package examples_test

import (
	"bytes"
	"context"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/signpost-dns/signpost/internal/cli"
	"github.com/signpost-dns/signpost/internal/emulator"
	"github.com/signpost-dns/signpost/test/tool"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"signpost": func() { os.Exit(cli.Main(context.Background(), os.Args[1:], cli.OS())) },
	})
}

// block returns the shell commands of the page that begin so.
func block(t *testing.T, begins string) string {
	t.Helper()
	for _, b := range regexp.MustCompile("(?s)\n```sh\n(.*?)```").FindAllStringSubmatch(page(t), -1) {
		if strings.HasPrefix(b[1], begins) {
			return b[1]
		}
	}
	t.Fatalf("the page has no commands that begin with %q", begins)
	return ""
}

// shell types commands in the checkout, and returns what they print.
func shell(t *testing.T, commands string) string {
	t.Helper()
	sh := exec.CommandContext(t.Context(), "sh", "-e", "-c", commands)
	sh.Dir, sh.Env = "..", append(os.Environ(), "GORACE=atexit_sleep_ms=0")
	var stderr bytes.Buffer
	sh.Stderr = &stderr
	out, err := sh.Output()
	if err != nil {
		t.Fatalf("%s\n%v\n%s%s", commands, err, out, &stderr)
	}
	return string(out)
}

// "To see it without an account" is typed as it stands, but for the ports.
func TestWithoutAnAccount(t *testing.T) {
	tool.Path(t, "dig")
	aws := emulator.New(emulator.Config{})
	if _, err := aws.AddZone("example.com"); err != nil {
		t.Fatal(err)
	}
	if err := aws.SetHost(emulator.Host{PublicIPv4: netip.MustParseAddr("203.0.113.7")}); err != nil {
		t.Fatal(err)
	}
	sockets, err := aws.Listen("127.0.0.1:0", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- sockets.Serve(ctx) }()
	defer func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	const start = "signpost emulator --zone=example.com --instance --public-ipv4=203.0.113.7 & sleep 1\n"
	_, port, _ := strings.Cut(sockets.DNS.String(), ":")
	commands := strings.NewReplacer("127.0.0.1:4580", sockets.HTTP.String(), "-p 5053", "-p "+port).Replace(strings.TrimPrefix(block(t, start), start))
	if out := shell(t, commands); !strings.HasSuffix(out, "registry.example.com points at 203.0.113.7 now\n203.0.113.7\n") {
		t.Errorf("%s\nprinted\n%s", commands, out)
	}
}

// The commands for a host with systemd put everything where the units look for it. They are typed as they stand, but below another root.
func TestInstallOnHost(t *testing.T) {
	tool.Path(t, "systemctl")
	root := t.TempDir()
	for _, dir := range []string{"usr/local/bin", "etc/systemd/system"} { // which every such host has
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	program, err := exec.LookPath("signpost")
	if err != nil {
		t.Fatal(err)
	}
	commands := block(t, "sudo install ")
	typed := strings.NewReplacer("sudo systemctl daemon-reload\n", "", "sudo systemctl enable --now ", "systemctl --root="+root+" enable ",
		"sudo install ", "install ", "bin/signpost", program, " /usr/", " "+root+"/usr/", " /etc/", " "+root+"/etc/").Replace(commands)
	if strings.Contains(typed, " /usr/") || strings.Contains(typed, " /etc/") || strings.Contains(typed, "sudo") {
		t.Fatalf("these would change the machine:\n%s", typed)
	}
	shell(t, typed)
	unit, err := os.ReadFile(filepath.Join(root, "etc/systemd/system/signpost-publish-ip.service"))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`(?m)^(?:ExecStart|EnvironmentFile)=(\S+)`).FindAllStringSubmatch(string(unit), -1) {
		if _, err := os.Stat(filepath.Join(root, m[1])); err != nil {
			t.Errorf("the unit wants %s, and the commands do not put it there: %v", m[1], err)
		}
	}
	if enabled := strings.TrimSpace(shell(t, "systemctl --root="+root+" is-enabled signpost-publish-ip.timer")); enabled != "enabled" {
		t.Errorf("the timer is %s", enabled)
	}
}
