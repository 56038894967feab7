package objects

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

const noClusterHint = "name a kubeconfig with --kubeconfig, or read manifests with --objects DIR"

// config finds the API server as ExternalDNS does: the kubeconfig that is named,
// else ~/.kube/config if it exists, else the cluster around the process. Beyond
// that, $KUBECONFIG is honoured before ~/.kube/config, and --server alone is an
// address without credentials, as kubectl proxy gives one.
func (o Options) config(log *slog.Logger) (*rest.Config, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	rules, err := o.kubeconfig()
	if err != nil {
		return nil, err
	}
	var config *rest.Config
	switch {
	case rules != nil:
		config, err = o.load(rules)
	case os.Getenv("KUBERNETES_SERVICE_HOST") != "":
		if o.Server != "" {
			log.Warn("--server is ignored in a cluster; it needs a kubeconfig", "server", o.Server)
		}
		config, err = inCluster()
	case o.Server != "":
		config = &rest.Config{Host: o.Server}
	default:
		err = hint(noClusterHint, "no Kubernetes cluster: there is no kubeconfig, and this process runs in no cluster")
	}
	if err != nil {
		return nil, err
	}
	config.UserAgent = "signpost"
	config.QPS = -1 // one list and one watch for each kind need no limit
	if o.QPS != nil || o.Burst != nil {
		config.QPS, config.Burst = float32(or(o.QPS, usualQPS)), or(o.Burst, usualBurst)
	}
	return config, nil
}

// What ExternalDNS's client has, which holds where only the other is given.
const (
	usualQPS   = 5
	usualBurst = 10
)

func or[T any](p *T, usual T) T {
	if p == nil {
		return usual
	}
	return *p
}

// Validate reports a flag whose value cannot be meant.
func (o Options) Validate() error {
	switch {
	case or(o.QPS, 1) < 1:
		return hint("leave it out for no limit", "--kube-api-qps: %d is no limit that lets anything through", *o.QPS)
	case or(o.Burst, 1) < 1:
		return hint("leave it out for no limit", "--kube-api-burst: %d is no limit that lets anything through", *o.Burst)
	case o.timeout() < 0:
		return hint("write 0 for no limit", "--kube-api-request-timeout: %s is less than nothing", o.timeout())
	}
	return checkServer(o.Server)
}

// timeout returns how long a request other than a watch may take, 0 for no
// limit. As in ExternalDNS, the flag's old name wins if its value is not that
// flag's default.
func (o Options) timeout() time.Duration {
	const usual = 30 * time.Second
	if old := or(o.OldTimeout, usual); old != usual || o.RequestTimeout == nil {
		return or(o.OldTimeout, 0)
	}
	return *o.RequestTimeout
}

func checkServer(server string) error {
	if server == "" {
		return nil
	}
	if u, err := url.Parse(server); err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return hint("write it like https://192.0.2.1:6443", "--server=%s is no address of an API server", server)
	}
	return nil
}

// kubeconfig returns where to load a kubeconfig from, nil if there is none.
func (o Options) kubeconfig() (*clientcmd.ClientConfigLoadingRules, error) {
	if o.Kubeconfig != "" {
		if _, err := os.Stat(o.Kubeconfig); err != nil {
			return nil, hint("check --kubeconfig; without it $KUBECONFIG, ~/.kube/config and the cluster around the process are tried",
				"read kubeconfig: %w", err)
		}
		return &clientcmd.ClientConfigLoadingRules{ExplicitPath: o.Kubeconfig}, nil
	}
	if list := os.Getenv(clientcmd.RecommendedConfigPathEnvVar); list != "" {
		// Like kubectl, several files are merged and some may be missing, but
		// not all of them.
		var missing error
		for _, path := range filepath.SplitList(list) {
			_, err := os.Stat(path)
			if err == nil {
				return &clientcmd.ClientConfigLoadingRules{Precedence: filepath.SplitList(list)}, nil
			}
			missing = errors.Join(missing, err)
		}
		return nil, hint("correct or unset KUBECONFIG, or use --kubeconfig", "read kubeconfig named by $KUBECONFIG: %w", missing)
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return nil, nil // without a home there is no file in it
	}
	path := filepath.Join(home, clientcmd.RecommendedHomeDir, clientcmd.RecommendedFileName)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return &clientcmd.ClientConfigLoadingRules{ExplicitPath: path}, nil
}

func (o Options) load(rules *clientcmd.ClientConfigLoadingRules) (*rest.Config, error) {
	overrides := &clientcmd.ConfigOverrides{ClusterInfo: clientcmdapi.Cluster{Server: o.Server}}
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, overrides).ClientConfig()
	if err != nil {
		file := rules.ExplicitPath
		if file == "" {
			file = os.Getenv(clientcmd.RecommendedConfigPathEnvVar)
		}
		if clientcmd.IsEmptyConfig(err) {
			err = errors.New("it names no cluster") // client-go's words name a variable that nothing reads
		}
		return nil, hint("kubectl --kubeconfig="+file+" config view shows what is in it", "read kubeconfig %s: %w", file, err)
	}
	return config, nil
}

func inCluster() (*rest.Config, error) {
	config, err := rest.InClusterConfig()
	if err != nil {
		return nil, hint("the Pod needs a service account and automountServiceAccountToken: true",
			"read the service account of this Pod: %w", err)
	}
	return config, nil
}

// unreachable is the hint for an API server that does not answer.
func unreachable(config *rest.Config) string {
	return fmt.Sprintf("is %s the address of the API server, and can it be reached from here?", config.Host)
}
