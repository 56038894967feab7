// Package cluster runs a real Kubernetes API server, with an etcd behind it, for tests.
//
// It hides where the two programs come from (built from source once, see [Build]), how they are started and found, and
// that they end with the test process however that ends. Nothing else of Kubernetes runs: no controllers, no kubelet.
// Status is what a test sets it to, a Service gets no load balancer, and a deleted namespace never quite goes; what an
// API server does by itself (validation, defaults, watches, RBAC, tokens) is real.
//
// Invariants: everything listens on loopback only; no environment variable and no kubeconfig of the user makes it talk
// to another cluster; what a test applies is gone when the test is over, so that the next one, whose program under test
// may read all namespaces, starts with an empty cluster. Tests that share a cluster and whose program reads all
// namespaces must therefore not be parallel.
//
// It may import Kubernetes' libraries and nothing of this project. A test reads like this:
//
//	var shared cluster.Shared
//
//	func TestMain(m *testing.M) {
//		defer shared.Stop()
//		m.Run()
//	}
//
//	func TestLoadBalancerGetsAName(t *testing.T) {
//		ns := shared.Namespace(t)
//		ns.Apply(`
//	apiVersion: v1
//	kind: Service
//	metadata:
//	  name: nginx
//	  annotations: {external-dns.alpha.kubernetes.io/hostname: nginx.example.com}
//	spec:
//	  type: LoadBalancer
//	  ports: [{port: 80}]
//	`)
//		ns.LoadBalancer("service/nginx", "nginx-1.eu-west-1.elb.amazonaws.com")
//		user := ns.User(roleYAML)
//		runProgram(t, "--kubeconfig="+user.Kubeconfig)
//	}
package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/restmapper"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

// Cluster is a running API server and its etcd.
type Cluster struct {
	Admin  *User         // may do everything
	Client client.Client // Admin's, with the built-in kinds and unstructured ones; reads are not cached

	dir  string // data, certificates, logs; removed by Stop
	env  *envtest.Environment
	reap *reaper
}

// Start builds the two programs if need be, within ctx, and starts them, which takes some three seconds. Each cluster
// is empty and has ports of its own. The caller must call Stop; tests of one package rather use [Shared].
func Start(ctx context.Context) (_ *Cluster, err error) {
	assets, err := Build(ctx, os.Stderr)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "signpost-cluster-")
	if err != nil {
		return nil, err
	}
	c := &Cluster{dir: dir}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.Stop())
		}
	}()
	if c.reap, err = startReaper(dir); err != nil {
		return nil, err
	}
	if err := c.startPrograms(assets); err != nil {
		return nil, err
	}
	return c, c.connect()
}

// startPrograms runs etcd and kube-apiserver and returns when the API server is healthy.
func (c *Cluster) startPrograms(assets string) error {
	const patience = 2 * time.Minute // for a machine that builds and tests other packages meanwhile
	env := &envtest.Environment{
		UseExistingCluster:       new(false), // else envtest asks USE_EXISTING_CLUSTER
		ControlPlaneStartTimeout: patience,
		ControlPlaneStopTimeout:  patience,
	}
	etcd := &envtest.Etcd{DataDir: filepath.Join(c.dir, "etcd")}
	server := env.ControlPlane.GetAPIServer()
	server.CertDir = filepath.Join(c.dir, "certificates")
	env.ControlPlane.Etcd = etcd
	for _, dir := range []string{etcd.DataDir, server.CertDir} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			return err
		}
	}
	// Paths that are set are not looked for in KUBEBUILDER_ASSETS.
	var err error
	if etcd.Path, err = c.reap.wrap(filepath.Join(assets, "etcd")); err != nil {
		return err
	}
	if server.Path, err = c.reap.wrap(filepath.Join(assets, "kube-apiserver")); err != nil {
		return err
	}
	server.Configure().
		// Else the address of the default route is looked for, and a machine without one is refused. The server then
		// logs that the kubernetes Service cannot have a loopback address, which nothing here needs.
		Set("advertise-address", "127.0.0.1").
		// envtest's /24 has room for 254 Services.
		Set("service-cluster-ip-range", "10.96.0.0/12")
	logs, err := os.Create(filepath.Join(c.dir, "log"))
	if err != nil {
		return err
	}
	defer logs.Close() // the programs have duplicates
	etcd.Out, etcd.Err, server.Out, server.Err = logs, logs, logs, logs

	c.env = env
	if _, err := env.Start(); err != nil {
		return fmt.Errorf("start the test cluster: %w\n%s", err, tail(logs.Name()))
	}
	if ip := net.ParseIP(server.SecureServing.Address); !ip.IsLoopback() {
		return fmt.Errorf("start the test cluster: localhost is %s here, which is not loopback", server.SecureServing.Address)
	}
	return nil
}

// connect makes the admin and its client.
func (c *Cluster) connect() error {
	admin, err := newUser("admin", c.env.Config, c.dir)
	if err != nil {
		return err
	}
	dc, err := discovery.NewDiscoveryClientForConfig(admin.Config)
	if err != nil {
		return fmt.Errorf("connect to the test cluster: %w", err)
	}
	cl, err := client.New(admin.Config, client.Options{
		Scheme: scheme.Scheme,
		// This one, other than controller-runtime's, finds a resource without its group, as kubectl does.
		Mapper: restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(dc)),
	})
	if err != nil {
		return fmt.Errorf("connect to the test cluster: %w", err)
	}
	c.Admin, c.Client = admin, cl
	return nil
}

// Stop ends the programs and removes what they kept. The cluster cannot be used afterwards.
func (c *Cluster) Stop() error {
	var errs []error
	if c.env != nil {
		errs = append(errs, c.env.Stop())
	}
	if c.reap != nil {
		errs = append(errs, c.reap.stop())
	}
	return errors.Join(append(errs, os.RemoveAll(c.dir))...)
}

// tail returns the end of a log, for an error.
func tail(path string) string {
	const most = 4 << 10
	data, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	return string(data[max(0, len(data)-most):])
}

// Shared is a cluster that the first test to ask for it starts and that the tests of one package share. The zero value
// is ready to use. Stop belongs into TestMain.
type Shared struct {
	mu      sync.Mutex
	cluster *Cluster
	err     error
}

// Namespace gives t a namespace of its own in the shared cluster. It fails t if the cluster cannot be started, and
// skips it under `go test -short`.
func (s *Shared) Namespace(t testing.TB) *Namespace {
	t.Helper()
	if testing.Short() {
		t.Skip("needs a Kubernetes API server, which -short leaves out")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cluster == nil && s.err == nil {
		// Not within t.Context(): the build serves the tests after this one, too.
		s.cluster, s.err = Start(context.Background())
	}
	if s.err != nil {
		t.Fatal(s.err)
	}
	return s.cluster.Namespace(t)
}

// Stop ends the cluster if one was started. A failure is told on stderr: at that point there is no test left to fail.
func (s *Shared) Stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cluster == nil {
		return
	}
	if err := s.cluster.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, "test cluster:", err)
	}
	s.cluster, s.err = nil, errors.New("the shared test cluster was stopped")
}
