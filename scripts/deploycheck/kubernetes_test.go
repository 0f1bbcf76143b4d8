package deploycheck

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

// monitor is the Prometheus operator's kind, as far as it is used.
type monitor struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	Spec              struct {
		JobLabel  string               `json:"jobLabel"`
		Selector  metav1.LabelSelector `json:"selector"`
		Endpoints []struct {
			Port     string `json:"port"`
			Interval string `json:"interval"`
		} `json:"endpoints"`
	} `json:"spec"`
}

// kinds are the types of what may be there.
var kinds = map[string]any{
	"v1/ServiceAccount": corev1.ServiceAccount{}, "v1/ConfigMap": corev1.ConfigMap{}, "v1/Service": corev1.Service{},
	"apps/v1/Deployment": appsv1.Deployment{}, "batch/v1/Job": batchv1.Job{}, "policy/v1/PodDisruptionBudget": policyv1.PodDisruptionBudget{},
	"autoscaling/v2/HorizontalPodAutoscaler": autoscalingv2.HorizontalPodAutoscaler{}, "networking.k8s.io/v1/NetworkPolicy": networkingv1.NetworkPolicy{},
	"networking.k8s.io/v1/Ingress": networkingv1.Ingress{}, "monitoring.coreos.com/v1/ServiceMonitor": monitor{},
}

// decode reads manifests as their types, strictly: a field that there is not, and a
// value of another type, is an error.
func decode(manifests []byte) (out []any, err error) {
	docs := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(manifests)))
	for {
		doc, err := docs.Read()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		var head metav1.TypeMeta
		if err := yaml.Unmarshal(doc, &head); err != nil {
			return nil, err
		}
		if head.Kind == "" && head.APIVersion == "" {
			continue // nothing but a comment, or what was left out
		}
		kind, ok := kinds[head.APIVersion+"/"+head.Kind]
		if !ok {
			return nil, fmt.Errorf("no %s of %s is expected", head.Kind, head.APIVersion)
		}
		one := reflect.New(reflect.TypeOf(kind)).Interface()
		if err := yaml.UnmarshalStrict(doc, one); err != nil {
			return nil, fmt.Errorf("%s: %w\n%s", head.Kind, err, doc)
		}
		out = append(out, one)
	}
}

func kustomized(t *testing.T, dir string) []byte {
	t.Helper()
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), filepath.Join(deploy, "kustomize", dir))
	if err != nil {
		t.Fatal(err)
	}
	b, err := built.AsYaml()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func templated(t *testing.T, values map[string]any) []byte {
	t.Helper()
	chart, err := loader.Load(filepath.Join(deploy, "helm", "openlot"))
	if err != nil {
		t.Fatal(err)
	}
	if err := chart.Validate(); err != nil {
		t.Fatal(err)
	}
	all, err := chartutil.ToRenderValues(chart, values, chartutil.ReleaseOptions{Name: "prod", Namespace: "parking", IsInstall: true}, chartutil.DefaultCapabilities)
	if err != nil {
		t.Fatal(err)
	}
	files, err := engine.Engine{Strict: true}.Render(chart, all)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	for name, text := range files {
		if strings.HasSuffix(name, ".yaml") {
			fmt.Fprintf(&out, "---\n%s\n", text)
		}
	}
	return out.Bytes()
}

// Every way to install it gives what Kubernetes understands, and what the program
// needs there.
func TestManifests(t *testing.T) {
	everything := map[string]any{
		"env":            map[string]any{"OPENLOT_MAIL_FROM": "Parking <parking@example.org>"},
		"ingress":        map[string]any{"enabled": true, "className": "nginx", "tlsSecret": "tls", "annotations": map[string]any{"a": "b"}},
		"serviceMonitor": map[string]any{"enabled": true}, "service": map[string]any{"annotations": map[string]any{"a": "b"}},
		"imagePullSecrets": []any{map[string]any{"name": "pull"}}, "nodeSelector": map[string]any{"a": "b"}, "podAnnotations": map[string]any{"a": "b"},
		"tolerations": []any{map[string]any{"key": "a", "operator": "Exists"}},
	}
	for name, m := range map[string]struct {
		text []byte
		want []string // kinds
	}{
		"kustomize":                     {kustomized(t, "base"), []string{"Deployment", "Service", "PodDisruptionBudget", "HorizontalPodAutoscaler", "Job", "NetworkPolicy", "ConfigMap", "ServiceAccount"}},
		"kustomize with ServiceMonitor": {kustomized(t, "servicemonitor"), []string{"Deployment", "monitor"}},
		"helm":                          {templated(t, nil), []string{"Deployment", "Service", "PodDisruptionBudget", "HorizontalPodAutoscaler", "Job", "NetworkPolicy", "ServiceAccount"}},
		"helm with everything":          {templated(t, everything), []string{"Deployment", "Ingress", "monitor"}},
		"helm without extras":           {templated(t, map[string]any{"autoscaling": map[string]any{"enabled": false}, "networkPolicy": map[string]any{"enabled": false}}), []string{"Deployment"}},
	} {
		t.Run(name, func(t *testing.T) {
			all, err := decode(m.text)
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]bool{}
			for _, o := range all {
				got[reflect.TypeOf(o).Elem().Name()] = true
			}
			for _, k := range m.want {
				if !got[k] {
					t.Errorf("there is no %s", k)
				}
			}
			if name == "helm without extras" && (got["HorizontalPodAutoscaler"] || got["NetworkPolicy"]) {
				t.Error("what was switched off is there")
			}
			fits(t, all)
		})
	}
}

// fits checks what belongs together.
func fits(t *testing.T, all []any) {
	t.Helper()
	var pods labels.Set
	ports := map[string]int32{}
	name := ""
	for _, o := range all {
		switch o := o.(type) {
		case *appsv1.Deployment:
			pods, name = o.Spec.Template.Labels, o.Name
			for _, p := range o.Spec.Template.Spec.Containers[0].Ports {
				ports[p.Name] = p.ContainerPort
			}
			safe(t, "Deployment", &o.Spec.Template.Spec)
			c := o.Spec.Template.Spec.Containers[0]
			drains := c.Lifecycle != nil && c.Lifecycle.PreStop != nil && c.Lifecycle.PreStop.Sleep != nil && c.Lifecycle.PreStop.Sleep.Seconds > 0
			var drain time.Duration
			for _, e := range c.Env {
				if e.Name == "OPENLOT_DRAIN" {
					drain, _ = time.ParseDuration(e.Value)
				}
			}
			// The program drains, and gives requests 8 s and each part 20 s at most.
			if grace := o.Spec.Template.Spec.TerminationGracePeriodSeconds; !drains || drain <= 0 || grace == nil || *grace < c.Lifecycle.PreStop.Sleep.Seconds+int64(drain/time.Second)+8+20 {
				t.Error("an instance that ends is not given the time to drain")
			}
			if c.ReadinessProbe == nil || c.ReadinessProbe.HTTPGet.Path != "/readyz" || c.LivenessProbe.HTTPGet.Path != "/healthz" {
				t.Error("readiness is /readyz; liveness is /healthz, which does not depend on the database")
			}
			if !labels.SelectorFromSet(o.Spec.Selector.MatchLabels).Matches(pods) {
				t.Error("the Deployment does not select its own pods")
			}
		case *batchv1.Job:
			safe(t, "Job", &o.Spec.Template.Spec)
		}
	}
	selects := func(what string, s map[string]string) {
		if len(s) == 0 || !labels.SelectorFromSet(s).Matches(pods) {
			t.Errorf("%s does not select the instances", what)
		}
	}
	for _, o := range all {
		switch o := o.(type) {
		case *corev1.Service:
			selects("Service "+o.Name, o.Spec.Selector)
			for _, p := range o.Spec.Ports {
				if ports[p.TargetPort.StrVal] == 0 {
					t.Errorf("Service %s leads to a port %q that there is not", o.Name, p.TargetPort.StrVal)
				}
				if p.TargetPort.StrVal == "admin" && o.Spec.ClusterIP != corev1.ClusterIPNone {
					t.Error("metrics and profiles must be reachable from inside only")
				}
			}
		case *policyv1.PodDisruptionBudget:
			selects("the disruption budget", o.Spec.Selector.MatchLabels)
		case *networkingv1.NetworkPolicy:
			selects("the network policy", o.Spec.PodSelector.MatchLabels)
			for _, in := range o.Spec.Ingress {
				for _, p := range in.Ports {
					if p.Port.StrVal == "admin" && len(in.From) == 0 {
						t.Error("the admin port is open to everybody")
					}
				}
			}
		case *autoscalingv2.HorizontalPodAutoscaler:
			if o.Spec.ScaleTargetRef.Name != name || o.Spec.MinReplicas == nil || *o.Spec.MinReplicas < 2 {
				t.Error("the autoscaler scales something else, or leaves a single instance")
			}
		case *networkingv1.Ingress:
			for _, r := range o.Spec.Rules {
				for _, p := range r.HTTP.Paths {
					if p.Backend.Service.Name != name || p.Backend.Service.Port.Name != "http" {
						t.Error("the Ingress leads to something else than the API")
					}
				}
			}
		}
	}
}

// safe checks what a pod may do, and that the program starts in it.
func safe(t *testing.T, what string, p *corev1.PodSpec) {
	t.Helper()
	// Service links put variables beginning with OPENLOT_ into the environment, and
	// the program refuses those that it does not know.
	if p.EnableServiceLinks == nil || *p.EnableServiceLinks {
		t.Errorf("%s: service links would keep the program from starting", what)
	}
	if p.AutomountServiceAccountToken == nil || *p.AutomountServiceAccountToken {
		t.Errorf("%s: the program has no business with the cluster's API", what)
	}
	if s := p.SecurityContext; s == nil || s.RunAsNonRoot == nil || !*s.RunAsNonRoot || s.SeccompProfile == nil {
		t.Errorf("%s: it must not run as root, and with the runtime's seccomp profile", what)
	}
	for _, c := range p.Containers {
		s := c.SecurityContext
		if s == nil || s.ReadOnlyRootFilesystem == nil || !*s.ReadOnlyRootFilesystem || s.AllowPrivilegeEscalation == nil || *s.AllowPrivilegeEscalation || len(s.Capabilities.Drop) != 1 {
			t.Errorf("%s: the root must be read-only, and no right be left", what)
		}
		mounted := map[string]bool{}
		for _, m := range c.VolumeMounts {
			mounted[m.MountPath] = true
		}
		for _, e := range c.Env {
			if e.Name == "OPENLOT_DATA_DIR" && !mounted[e.Value] {
				t.Errorf("%s: %s is on the read-only root", what, e.Value)
			}
		}
	}
}

// The decoding is what catches mistakes: it must catch them.
func TestMistakesAreCaught(t *testing.T) {
	good := string(kustomized(t, "base"))
	for name, change := range map[string][2]string{
		"a field that there is not": {"readinessProbe:", "readynessProbe:"},
		"a word for a number":       {"replicas: 3", "replicas: three"},
		"a kind that there is not":  {"kind: PodDisruptionBudget", "kind: PodDistributionBudget"},
	} {
		bad := strings.Replace(good, change[0], change[1], 1)
		if bad == good {
			t.Fatalf("%s: there is nothing to spoil", name)
		}
		if _, err := decode([]byte(bad)); err == nil {
			t.Errorf("%s is not noticed", name)
		}
	}
}

// Every setting that a file names is one that the program knows.
func TestSettingsAreKnown(t *testing.T) {
	p := running(t)
	known, err := p.tool("serve", "--help")
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile(`\b(OPENLOT_[A-Z_]*[A-Z])\b`)
	files, err := filepath.Glob(filepath.Join(deploy, "*", "*"))
	if err != nil {
		t.Fatal(err)
	}
	more, err := filepath.Glob(filepath.Join(deploy, "*", "*", "*"))
	if err != nil {
		t.Fatal(err)
	}
	deep, err := filepath.Glob(filepath.Join(deploy, "*", "*", "*", "*"))
	if err != nil {
		t.Fatal(err)
	}
	// The broker's own password in the compose file, and what Kubernetes would add.
	others := map[string]bool{"OPENLOT_BROKER_PASSWORD": true, "OPENLOT_PORT": true}
	found := 0
	for _, f := range append(append(files, more...), deep...) {
		if !strings.HasSuffix(f, ".yaml") && !strings.HasSuffix(f, "Dockerfile") && !strings.HasSuffix(f, ".tpl") {
			continue
		}
		rel, err := filepath.Rel(deploy, f)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range named.FindAllString(string(read(t, rel)), -1) {
			found++
			if !others[n] && !regexp.MustCompile(`\$`+n+`\b`).Match(known) {
				t.Errorf("%s sets %s, which the program does not know", rel, n)
			}
		}
	}
	if found == 0 {
		t.Error("no setting was found")
	}
}
