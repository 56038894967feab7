package e2e

import (
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// The manifests of deploy/kustomize suffice: their service account may do what
// their arguments need, and the probes that they name answer.
func TestDeployedAsPublished(t *testing.T) {
	w := newWorld(t)
	rendered, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), "../../deploy/kustomize/base")
	if err != nil {
		t.Fatal(err)
	}
	manifests, err := rendered.AsYaml()
	if err != nil {
		t.Fatal(err)
	}
	w.Apply("{apiVersion: v1, kind: Namespace, metadata: {name: signpost}}\n---\n" + string(manifests))
	w.user = w.ServiceAccount("signpost", "signpost")
	var deployment appsv1.Deployment
	if err := w.Client.Get(t.Context(), types.NamespacedName{Namespace: "signpost", Name: "signpost"}, &deployment); err != nil {
		t.Fatal(err)
	}

	w.Apply(dev1Ingress)
	container := deployment.Spec.Template.Spec.Containers[0]
	p := w.start(container.Args...)
	w.awaitZone(w.zone, w.dev1Records("300")...)

	line := p.await("watching")
	address := regexp.MustCompile(`ready="?(http://[^/]+)/readyz`).FindStringSubmatch(line)
	if address == nil {
		t.Fatalf("no address in %q", line)
	}
	for _, path := range []string{container.LivenessProbe.HTTPGet.Path, container.ReadinessProbe.HTTPGet.Path} {
		resp, err := http.Get(address[1] + path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Errorf("GET %s = %d %q, %v; want 200", path, resp.StatusCode, body, err)
		}
		if path == "/readyz" {
			for _, name := range []string{"source service", "source ingress", "credentials", "zones"} {
				if !strings.Contains(string(body), name+": ") {
					t.Errorf("/readyz does not name %q:\n%s", name, body)
				}
			}
		}
	}
}
