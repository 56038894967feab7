package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	podsEach  = 100 // Pods of a Service, all in one EndpointSlice
	published = 10  // headless Services that ask for a name; the others ask for none
)

// measurePods runs the program in a cluster of many nodes and pods, until the headless Services of a few are published and
// for a while after that, while all nodes send heartbeats.
func measurePods(ctx context.Context, b *bench) (out []result, err error) {
	nodes, pods := b.size(5_000, 500), b.size(50_000, 5_000)
	w, err := b.newWorld(1, "")
	defer func() { err = errors.Join(err, w.end()) }()
	if err != nil {
		return nil, err
	}
	if err := w.cluster(nodes, pods); err != nil {
		return nil, err
	}
	p, err := w.start("--source=service")
	if err != nil {
		return nil, err
	}
	// A name each, that of one Service with its nodes' addresses, and a claim for each.
	err = w.await(ctx, "all record sets", 10*time.Minute, func() bool { return w.changes() >= 2*published })
	if err != nil {
		return nil, err
	}
	if err := pause(ctx, 10*time.Second); err != nil {
		return nil, err
	}
	w.reset()
	busy, err := p.during(func() error {
		for i := range nodes {
			if err := w.api.Update(node(i, time.Now())); err != nil {
				return err
			}
		}
		return pause(ctx, 10*time.Second)
	})
	if err != nil {
		return nil, err
	}
	writes, _ := w.count(changeAction)
	peak, err := p.peak()
	return []result{{
		work:   fmt.Sprintf("%d nodes, %d pods", nodes, pods),
		figure: fmt.Sprintf("%.0f MB, %.1f s of CPU for a heartbeat of each node", float64(peak)/1e6, busy.Seconds()),
		ratio:  max(float64(peak)/250e6, 2*float64(writes)),
	}}, err
}

// cluster makes nodes, pods on them, and a Service with an EndpointSlice for each hundred of the pods.
func (w *world) cluster(nodes, pods int) error {
	for i := range nodes {
		if err := w.api.Create(node(i, time.Now())); err != nil {
			return err
		}
	}
	for s := range pods / podsEach {
		slice := &discoveryv1.EndpointSlice{AddressType: discoveryv1.AddressTypeIPv4, ObjectMeta: metav1.ObjectMeta{
			Namespace: "default", Name: fmt.Sprintf("app-%04d-x7k2p", s), Labels: map[string]string{
				discoveryv1.LabelServiceName: app(s), discoveryv1.LabelManagedBy: "endpointslice-controller.k8s.io", corev1.IsHeadlessService: ""},
			Annotations: map[string]string{corev1.EndpointsLastChangeTriggerTime: "2026-11-21T10:00:00Z"}}}
		all := []client.Object{headless(s)}
		for i := s * podsEach; i < (s+1)*podsEach; i++ {
			p := pod(s, i, nodes)
			yes, no := true, false
			slice.Endpoints = append(slice.Endpoints, discoveryv1.Endpoint{
				Addresses: []string{p.Status.PodIP}, NodeName: &p.Spec.NodeName,
				Conditions: discoveryv1.EndpointConditions{Ready: &yes, Serving: &yes, Terminating: &no},
				TargetRef:  &corev1.ObjectReference{Kind: "Pod", Namespace: p.Namespace, Name: p.Name, UID: p.UID},
			})
			all = append(all, p)
		}
		for _, o := range append(all, slice) {
			if err := w.api.Create(o); err != nil {
				return err
			}
		}
	}
	return nil
}

func app(s int) string { return fmt.Sprintf("app-%04d", s) }

func headless(s int) *corev1.Service {
	out := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: app(s)},
		Spec: corev1.ServiceSpec{ClusterIP: corev1.ClusterIPNone, Selector: map[string]string{"app": app(s)}}}
	if s < published {
		out.Annotations = map[string]string{"external-dns.kubernetes.io/hostname": app(s) + "." + domain}
	}
	if s == 0 {
		out.Annotations["external-dns.kubernetes.io/endpoints-type"] = "NodeExternalIP"
	}
	return out
}

// node returns a Node as it is in clusters, but for the images that it lists.
func node(i int, heartbeat time.Time) *corev1.Node {
	name := fmt.Sprintf("ip-10-0-%d-%d.eu-central-1.compute.internal", i>>8, i&0xff)
	n := &corev1.Node{ObjectMeta: metav1.ObjectMeta{
		Name: name, Labels: map[string]string{"kubernetes.io/hostname": name, "kubernetes.io/arch": "amd64", "kubernetes.io/os": "linux",
			"node.kubernetes.io/instance-type": "m7i.2xlarge", "topology.kubernetes.io/zone": "eu-central-1a", "topology.kubernetes.io/region": "eu-central-1"},
		Annotations:   map[string]string{"volumes.kubernetes.io/controller-managed-attach-detach": "true", "node.alpha.kubernetes.io/ttl": "0"},
		ManagedFields: managed("kubelet"),
	}}
	n.Spec.ProviderID = fmt.Sprintf("aws:///eu-central-1a/i-%017x", i)
	for _, t := range []corev1.NodeConditionType{corev1.NodeMemoryPressure, corev1.NodeDiskPressure, corev1.NodePIDPressure, corev1.NodeReady} {
		status := corev1.ConditionFalse
		if t == corev1.NodeReady {
			status = corev1.ConditionTrue
		}
		n.Status.Conditions = append(n.Status.Conditions, corev1.NodeCondition{Type: t, Status: status, Reason: "KubeletSaysSo",
			Message: "kubelet has said how it is", LastHeartbeatTime: metav1.NewTime(heartbeat)})
	}
	n.Status.Addresses = []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: fmt.Sprintf("10.0.%d.%d", i>>8, i&0xff)},
		{Type: corev1.NodeExternalIP, Address: fmt.Sprintf("198.18.%d.%d", i>>8, i&0xff)}, {Type: corev1.NodeHostName, Address: name}}
	return n
}

// pod returns a Pod as it is in clusters.
func pod(s, i, nodes int) *corev1.Pod {
	name, on, ip := fmt.Sprintf("%s-7d4b9c6f5-%05x", app(s), i), node(i%nodes, time.Time{}), address(i+1)
	yes := true
	p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{
		Namespace: "default", Name: name, GenerateName: app(s) + "-7d4b9c6f5-",
		Labels:      map[string]string{"app": app(s), "pod-template-hash": "7d4b9c6f5", "app.kubernetes.io/managed-by": "Helm", "team": "bench"},
		Annotations: map[string]string{"prometheus.io/scrape": "true", "prometheus.io/port": "9090", "checksum/config": fmt.Sprintf("%064x", i)},
		OwnerReferences: []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: app(s) + "-7d4b9c6f5",
			UID: "7a1b9c5e-1f0a-4b8e-9d55-0c9a54a0f3aa", Controller: &yes}},
		ManagedFields: managed("kube-controller-manager"),
	}}
	quantities := corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("100m"), corev1.ResourceMemory: resource.MustParse("128Mi")}
	p.Spec = corev1.PodSpec{NodeName: on.Name, ServiceAccountName: "default", Containers: []corev1.Container{{
		Name: "app", Image: "registry.example.com/team/app:1.27.3", Args: []string{"--listen=:8080", "--config=/etc/app/config.yaml"},
		Env:          []corev1.EnvVar{{Name: "POD_NAME", Value: name}, {Name: "LOG_LEVEL", Value: "info"}},
		Ports:        []corev1.ContainerPort{{Name: "http", ContainerPort: 8080}},
		Resources:    corev1.ResourceRequirements{Requests: quantities, Limits: quantities},
		VolumeMounts: []corev1.VolumeMount{{Name: "config", MountPath: "/etc/app"}, {Name: "kube-api-access", MountPath: "/var/run/secrets/kubernetes.io/serviceaccount"}},
		LivenessProbe: &corev1.Probe{PeriodSeconds: 10, ProbeHandler: corev1.ProbeHandler{
			HTTPGet: &corev1.HTTPGetAction{Path: "/healthz", Port: intstr.FromInt32(8080)}}},
	}}, Tolerations: []corev1.Toleration{{Key: corev1.TaintNodeNotReady, Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoExecute}}}
	p.Status = corev1.PodStatus{Phase: corev1.PodRunning, PodIP: ip, PodIPs: []corev1.PodIP{{IP: ip}},
		HostIP: on.Status.Addresses[0].Address, QOSClass: corev1.PodQOSGuaranteed,
		ContainerStatuses: []corev1.ContainerStatus{{Name: "app", Ready: true, Image: "registry.example.com/team/app:1.27.3",
			ImageID: fmt.Sprintf("registry.example.com/team/app@sha256:%064x", 1), ContainerID: fmt.Sprintf("containerd://%064x", i)}}}
	for _, t := range []corev1.PodConditionType{corev1.PodScheduled, corev1.PodInitialized, corev1.ContainersReady, corev1.PodReady} {
		p.Status.Conditions = append(p.Status.Conditions, corev1.PodCondition{Type: t, Status: corev1.ConditionTrue})
	}
	return p
}

func managed(by string) []metav1.ManagedFieldsEntry {
	return []metav1.ManagedFieldsEntry{
		{Manager: by, Operation: metav1.ManagedFieldsOperationUpdate, APIVersion: "v1", FieldsType: "FieldsV1", FieldsV1: metav1.NewFieldsV1(managedSpec)},
		{Manager: "kubelet", Operation: metav1.ManagedFieldsOperationUpdate, APIVersion: "v1", FieldsType: "FieldsV1", Subresource: "status",
			FieldsV1: metav1.NewFieldsV1(managedStatus)},
	}
}
