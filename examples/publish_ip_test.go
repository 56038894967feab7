package examples_test

import (
	"bytes"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/serializer/json"
	"k8s.io/client-go/kubernetes/scheme"

	"github.com/signpost-dns/signpost/internal/cli"
	"github.com/signpost-dns/signpost/internal/emulator"
	"github.com/signpost-dns/signpost/test/tool"
)

// host runs command lines of examples on an EC2 instance whose role may do what the policies of such hosts allow.
type host struct {
	t   *testing.T
	aws *emulator.Server
	env map[string]string
}

const zone = "R53ZONEIDHERE" // as in the examples

func newHost(t *testing.T, env map[string]string) *host {
	t.Helper()
	aws := emulator.New(emulator.Config{})
	if _, err := aws.AddZone("example.com", emulator.WithID(zone)); err != nil {
		t.Fatal(err)
	}
	policy, err := os.ReadFile("../deploy/iam/one-zone-without-list.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := aws.SetPolicy("AKIDEXAMPLE", bytes.ReplaceAll(policy, []byte("Z0123456789EXAMPLE"), []byte(zone))); err != nil {
		t.Fatal(err)
	}
	if err := aws.SetHost(emulator.Host{PublicIPv4: netip.MustParseAddr("54.1.1.1")}); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(aws)
	t.Cleanup(server.Close)
	for name, value := range map[string]string{"AWS_ENDPOINT_URL": server.URL, "AWS_EC2_METADATA_SERVICE_ENDPOINT": server.URL,
		"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "", "AWS_DEFAULT_REGION": ""} {
		t.Setenv(name, value)
	}
	return &host{t, aws, env}
}

// run runs a command line twice, the second time with nothing to do, and compares the zone.
func (h *host) run(args []string, want ...string) {
	h.t.Helper()
	for _, says := range []string{" points at 54.1.1.1 now\n", " points at 54.1.1.1 already\n"} {
		var out, log bytes.Buffer
		sys := cli.System{Stdout: &out, Stderr: &log, LookupEnv: func(name string) (string, bool) {
			if v, ok := h.env[name]; ok {
				return v, true
			}
			return os.LookupEnv(name)
		}}
		if code := cli.Main(h.t.Context(), args, sys); code != 0 || !strings.HasSuffix(out.String(), says) {
			h.t.Fatalf("signpost %s: exit code %d\n%s%s", strings.Join(args, " "), code, out.String(), log.String())
		}
	}
	var got []string
	for _, set := range h.aws.RecordSets(zone) {
		if set.Type != "NS" && set.Type != "SOA" {
			got = append(got, set.Name+" "+set.Type+" "+strings.Join(set.Values, " "))
		}
	}
	if d := cmp.Diff(want, got); d != "" {
		h.t.Errorf("the zone (-want +got):\n%s", d)
	}
}

// decode reads a manifest, in which nothing may be unknown to the API version that it names.
func decode[T any](t *testing.T, file string) *T {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	decoder := json.NewSerializerWithOptions(json.DefaultMetaFactory, scheme.Scheme, scheme.Scheme, json.SerializerOptions{Yaml: true, Strict: true})
	object, _, err := decoder.Decode(text, nil, nil)
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	out, ok := any(object).(*T)
	if !ok {
		t.Fatalf("%s holds a %T", file, object)
	}
	return out
}

// environment resolves the variables of a container, also those in its arguments, as the kubelet does.
func environment(t *testing.T, c corev1.Container) (env map[string]string, args []string) {
	t.Helper()
	fields := map[string]string{"spec.nodeName": "n1"}
	env = map[string]string{}
	var pairs []string
	for _, e := range c.Env {
		value := e.Value
		if e.ValueFrom != nil {
			if value = fields[e.ValueFrom.FieldRef.FieldPath]; value == "" {
				t.Fatalf("%s is of a field that no test knows", e.Name)
			}
		}
		env[e.Name] = value
		pairs = append(pairs, "$("+e.Name+")", value)
	}
	for _, arg := range c.Args {
		args = append(args, strings.NewReplacer(pairs...).Replace(arg))
	}
	return env, args
}

func claimed(name string) string {
	return `a-` + name + ` TXT "heritage=external-dns,external-dns/owner=publish-ip,external-dns/resource=host/` + strings.TrimSuffix(name, ".") + `"`
}

func TestRegistry(t *testing.T) {
	pod := decode[appsv1.Deployment](t, "publish-ip/registry.yaml").Spec.Template.Spec
	if !pod.HostNetwork || len(pod.InitContainers) != 1 {
		t.Fatal("want one init container on the host's network")
	}
	env, args := environment(t, pod.InitContainers[0])
	newHost(t, env).run(args, claimed("registry.example.com."), "registry.example.com. A 54.1.1.1")
}

func TestDaemonSet(t *testing.T) {
	pod := decode[appsv1.DaemonSet](t, "publish-ip/daemonset.yaml").Spec.Template.Spec
	env, args := environment(t, pod.Containers[0])
	for _, stays := range []string{"--watch", "--remove-on-exit"} {
		i := slices.Index(args, stays)
		if i < 0 {
			t.Fatalf("%s is not given", stays)
		}
		args = slices.Delete(args, i, i+1)
	}
	newHost(t, env).run(args, claimed("n1.nodes.example.com."), "n1.nodes.example.com. A 54.1.1.1")
}

func TestSystemd(t *testing.T) {
	unit, err := os.ReadFile("publish-ip/signpost-publish-ip.service")
	if err != nil {
		t.Fatal(err)
	}
	command := regexp.MustCompile(`(?m)^ExecStart=/usr/local/bin/signpost (.*)$`).FindSubmatch(unit)
	file := regexp.MustCompile(`(?m)^EnvironmentFile=/etc/signpost/(.*)$`).FindSubmatch(unit)
	if command == nil || file == nil {
		t.Fatal("the unit starts no signpost, or reads no environment")
	}
	text, err := os.ReadFile(filepath.Join("publish-ip", string(file[1])))
	if err != nil {
		t.Fatal(err)
	}
	env := map[string]string{}
	for _, pair := range regexp.MustCompile(`(?m)^([A-Z0-9_]+)=(.*)$`).FindAllSubmatch(text, -1) {
		env[string(pair[1])] = string(pair[2])
	}
	newHost(t, env).run(strings.Fields(string(command[1])), claimed("host.example.com."), "host.example.com. A 54.1.1.1")
}

// systemd itself finds nothing wrong with the units.
func TestSystemdVerifies(t *testing.T) {
	analyze := tool.Path(t, "systemd-analyze")
	dir := t.TempDir()
	args := []string{"verify"}
	for _, name := range []string{"signpost-publish-ip.service", "signpost-publish-ip.timer"} {
		unit, err := os.ReadFile(filepath.Join("publish-ip", name))
		if err != nil {
			t.Fatal(err)
		}
		unit = bytes.ReplaceAll(unit, []byte("/usr/local/bin/signpost"), []byte("/bin/true")) // for it must be there
		if err := os.WriteFile(filepath.Join(dir, name), unit, 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, filepath.Join(dir, name))
	}
	if out, err := exec.Command(analyze, args...).CombinedOutput(); err != nil || strings.Contains(string(out), dir) {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
}

// The UDP server asks in both ways for the same, and its Pods listen there.
func TestUDPServer(t *testing.T) {
	server := decode[appsv1.Deployment](t, "udp-server/deployment.yaml").Spec.Template
	for _, file := range []string{"service.yaml", "external-ips.yaml"} {
		s := decode[corev1.Service](t, "udp-server/"+file)
		for key, value := range s.Spec.Selector {
			if server.Labels[key] != value {
				t.Errorf("%s selects no Pod of the Deployment", file)
			}
		}
		port := server.Spec.Containers[0].Ports[0]
		if p := s.Spec.Ports[0]; p.TargetPort.IntVal != port.ContainerPort || p.Protocol != port.Protocol {
			t.Errorf("%s leads to %s/%s, and the Pods listen at %d/%s", file, p.TargetPort.String(), p.Protocol, port.ContainerPort, port.Protocol)
		}
	}
}
