#!/usr/bin/python3
"""Checks the chart helm/fairlead against the code that it installs.

usage: chart_test.py [unittest options]
Environment: HELM, a helm program (PATH and the cache of scripts/e2e are searched without). With none, only
what needs no rendering is checked; FAIRLEAD_NEED_HELM=1 makes that a failure.
"""
import json
import os
import pathlib
import re
import shutil
import subprocess
import unittest

import jsonschema
import yaml

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
CHART = ROOT / "helm/fairlead"
SCHEMA = json.loads((CHART / "values.schema.json").read_text())
VALUES = yaml.safe_load((CHART / "values.yaml").read_text())
# Those that scripts/e2e has built.
CACHED = pathlib.Path(os.environ.get("FAIRLEAD_CACHE", "/var/cache/fairlead")).glob("rig/programs/helm-*")
HELM = os.environ.get("HELM") or shutil.which("helm", path=":".join([os.environ["PATH"], *map(str, CACHED)]))
# What runs as root on a node: pod and container.
ON_NODES = {("DaemonSet fairlead-agent", "agent"), ("DaemonSet fairlead-uninstall", "uninstall")}
CAPABILITIES = {"BPF", "PERFMON", "NET_ADMIN", "SYS_ADMIN"}


def render(*options, expect_ok=True):
    command = [HELM, "template", "fairlead", str(CHART), "--namespace", "kube-system", "--kube-version", "1.36.0"]
    for option in options:
        command += ["--set-json" if re.match(r"[\w.]+=[\[{\"]", option) else "--set", option]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    if not expect_ok:
        return done
    assert done.returncode == 0, done.stderr
    return [document for document in yaml.safe_load_all(done.stdout) if document]


def find(documents, kind, name):
    found = [d for d in documents if d["kind"] == kind and d["metadata"]["name"] == name]
    assert len(found) == 1, f"{len(found)} objects {kind} {name}"
    return found[0]


def pod_specs(documents):
    return {f"{d['kind']} {d['metadata']['name']}": d["spec"]["template"]["spec"]
            for d in documents if d["kind"] in ("DaemonSet", "Deployment", "Job")}


def program_of(documents, kind, name):
    container = find(documents, kind, name)["spec"]["template"]["spec"]["containers"][0]
    return container["command"] + container["args"]


class Sources(unittest.TestCase):
    """What can be told without rendering."""

    def test_defaults_are_valid(self):
        jsonschema.validate(VALUES, SCHEMA)

    def test_every_value_of_the_schema_has_a_default(self):
        def keys(schema, values, path):
            for key, about in schema.get("properties", {}).items():
                if path + key == "global":
                    continue
                self.assertIn(key, values, f"{path}{key} has no default in values.yaml")
                if about.get("additionalProperties") is False:
                    keys(about, values[key], f"{path}{key}.")
                else:
                    self.assertIn("description", about, f"{path}{key} says nothing about itself")
        keys(SCHEMA, VALUES, "")

    def test_unknown_keys_are_refused_at_every_level(self):
        for wrong in ({"routng": "vxlan"}, {"image": {"name": "x"}}, {"metrics": {"serviceMonitor": {"on": True}}},
                      {"agent": {"resources": {"request": {}}}}, {"uninstall": {"clean": True}}):
            with self.assertRaises(jsonschema.ValidationError, msg=str(wrong)):
                jsonschema.validate(wrong, SCHEMA)

    def test_wrong_values_are_refused(self):
        for wrong in ({"image": {"digest": "sha256:abc"}}, {"apiServers": ["10.0.0.1:6443"]}, {"routing": "geneve"},
                      {"apiServers": "https://10.0.0.1:6443"}, {"nativeCidrs": ["10.0.0.0"]},
                      {"controller": {"replicas": 0}}, {"vxlan": {"port": 70000}}, {"cni": {"binDir": "opt"}}):
            with self.assertRaises(jsonschema.ValidationError, msg=str(wrong)):
                jsonschema.validate(wrong, SCHEMA)

    def test_the_chart_has_the_programs_version(self):
        chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
        project = re.search(r"project\(fairlead VERSION (\S+)", (ROOT / "CMakeLists.txt").read_text()).group(1)
        self.assertEqual((chart["version"], chart["appVersion"]), (project, project))

    def test_the_dashboard_shows_metrics_that_there_are(self):
        dashboard = json.loads((CHART / "files/dashboard.json").read_text())
        known = set()
        for folder in ("agent", "controller"):
            for source in (ROOT / folder).rglob("*.cc"):
                known |= set(re.findall(r'"(fairlead_\w+)"', source.read_text()))
        used = set()
        for panel in dashboard["panels"]:
            for target in panel["targets"]:
                used |= set(re.findall(r"fairlead_\w+", target["expr"]))
        self.assertGreater(len(used), 8)
        self.assertEqual(used - known, set())


@unittest.skipIf(HELM is None and os.environ.get("FAIRLEAD_NEED_HELM") != "1", "there is no helm")
class Rendered(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        assert HELM is not None, "FAIRLEAD_NEED_HELM is set, but no helm is found; set HELM"
        cls.default = render()

    def test_lint_finds_nothing(self):
        done = subprocess.run([HELM, "lint", "--strict", "--kube-version", "1.36.0", str(CHART)], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_helm_refuses_an_unknown_key_and_names_it(self):
        done = render("routng=vxlan", expect_ok=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("routng", done.stderr)

    def test_service_monitors_need_reachable_metrics(self):
        done = render("metrics.serviceMonitor.enabled=true", expect_ok=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("metrics.expose", done.stderr)

    def test_no_pod_has_more_power_than_is_listed(self):
        for where, pod in pod_specs(self.default).items():
            for key in ("hostPID", "hostIPC", "shareProcessNamespace"):
                self.assertNotIn(key, pod, where)
            for container in pod["containers"] + pod.get("initContainers", []):
                security = container["securityContext"]
                on_node = (where, container["name"]) in ON_NODES
                self.assertTrue(security["readOnlyRootFilesystem"], where)
                self.assertFalse(security["allowPrivilegeEscalation"], where)
                self.assertNotIn("privileged", security, where)
                self.assertEqual(security["capabilities"]["drop"], ["ALL"], where)
                seccomp = security.get("seccompProfile") or pod["securityContext"]["seccompProfile"]
                self.assertEqual(seccomp, {"type": "RuntimeDefault"}, where)
                added = set(security["capabilities"].get("add", []))
                self.assertEqual(added, CAPABILITIES if on_node else set(), where)
                if not on_node:
                    root = security.get("runAsNonRoot") or pod["securityContext"]["runAsNonRoot"]
                    self.assertTrue(root, where)
                    mounted = {mount["name"] for mount in container.get("volumeMounts", [])}
                    self.assertFalse([v for v in pod.get("volumes", []) if "hostPath" in v and v["name"] in mounted], where)

    def test_every_rule_is_explained_and_uses_no_wildcard(self):
        for template in CHART.glob("templates/*rbac.yaml"):
            lines = template.read_text().splitlines()
            for number, line in enumerate(lines):
                if line.strip().startswith("- apiGroups") and "operations" not in lines[number + 2]:
                    # A comment stands before the rule, or before its neighbours of the same purpose.
                    before = [text.strip() for text in lines[:number] if not text.strip().startswith(
                        ("- apiGroups", "resources:", "resourceNames:", "verbs:"))]
                    self.assertTrue(before[-1].startswith("#"), f"{template.name}:{number + 1}")
        for document in self.default:
            for rule in document.get("rules", []):
                self.assertNotIn("*", rule["verbs"] + rule["resources"] + rule["apiGroups"])

    def test_the_controller_may_read_what_it_follows(self):
        source = (ROOT / "controller/kubernetes/decode.h").read_text()
        followed = set(re.findall(r'\{"\w+", "(\w+)", "/api', source))
        self.assertGreater(len(followed), 4)
        allowed = set()
        for rule in find(self.default, "ClusterRole", "fairlead-controller")["rules"]:
            if set(rule["verbs"]) == {"list", "watch"}:
                allowed |= set(rule["resources"])
        self.assertEqual(allowed, followed)

    def test_the_image_is_the_charts_version_or_the_digest(self):
        digest = "sha256:" + "0" * 64
        for documents, image in ((self.default, "fairlead/fairlead:0.1.0"),
                                 (render("image.tag=edge"), "fairlead/fairlead:edge"),
                                 (render(f"image.digest={digest}", "image.tag=edge"), f"fairlead/fairlead@{digest}")):
            for where, pod in pod_specs(documents).items():
                self.assertEqual(pod["containers"][0]["image"], image, where)

    def test_api_servers_reach_every_program_that_asks_them(self):
        urls = ["https://10.0.0.1:6443", "https://[fd00::1]:6443"]
        documents = render(f"apiServers={json.dumps(urls)}")
        for kind, name in (("DaemonSet", "fairlead-agent"), ("Deployment", "fairlead-controller"),
                           ("Job", "fairlead-uninstall")):
            for url in urls:
                self.assertIn(f"--api-server={url}", program_of(documents, kind, name))

    def test_values_become_options(self):
        command = program_of(render("routing=vxlan", "vxlan.port=4789", "masquerade=false", "ipFamilies=ipv4",
                                    "socketBalancing=false", 'nativeCidrs=["10.0.0.0/8","fd00::/8"]', "logLevel=debug",
                                    'serviceCidrs=["10.96.0.0/12","fd00:10:96::/112"]'),
                             "Deployment", "fairlead-controller")
        for option in ("--routing=vxlan", "--vxlan-port=4789", "--listen=0.0.0.0:9443", "--native-cidr=10.0.0.0/8",
                       "--native-cidr=fd00::/8", "--socket-balancing=false", "--log-level=debug",
                       "--service-cidr=10.96.0.0/12,fd00:10:96::/112"):
            self.assertIn(option, command)
        self.assertNotIn("--masquerade", command)
        # A guess would cut off what lives in the range.
        self.assertFalse([a for a in program_of(self.default, "Deployment", "fairlead-controller")
                          if a.startswith("--service-cidr")])
        for families in ("dual", "ipv6"):
            command = program_of(render(f"ipFamilies={families}"), "Deployment", "fairlead-controller")
            self.assertIn("--listen=[::]:9443", command)

    def test_events_need_their_rights_only_where_they_are_written(self):
        for documents, written in ((self.default, True), (render("events=false"), False)):
            self.assertIn(f"--events={str(written).lower()}", program_of(documents, "Deployment", "fairlead-controller"))
            rules = find(documents, "ClusterRole", "fairlead-controller")["rules"]
            self.assertEqual(any("events" in rule["resources"] for rule in rules), written)

    def test_the_config_objects_schema_is_what_the_controller_reads(self):
        crd = find(self.default, "CustomResourceDefinition", "fairleadconfigs.fairlead.io")
        version, = crd["spec"]["versions"]
        schema = version["schema"]["openAPIV3Schema"]["properties"]
        reader = (ROOT / "controller/manifest/read_config.cc").read_text()
        read = set(re.findall(r'spec\.Bool\("(\w+)"\)|ReadRanges\(spec, "(\w+)"', reader))
        self.assertEqual(set(schema["spec"]["properties"]), {a or b for a, b in read})
        self.assertEqual(set(schema["status"]["properties"]["effective"]["properties"]),
                         set(schema["spec"]["properties"]))
        most = int(re.search(r"kMaxRanges = (\d+)", reader).group(1))
        self.assertEqual(schema["spec"]["properties"]["nativeCIDRs"]["maxItems"], most)
        # Every object schema names its fields, so that a misspelt one is refused.
        self.assertNotIn("x-kubernetes-preserve-unknown-fields", json.dumps(crd))
        source = (ROOT / "controller/kubernetes/decode.h").read_text()
        self.assertIn(f'/apis/{crd["spec"]["group"]}/{version["name"]}/{crd["spec"]["names"]["plural"]}"', source)

    def test_status_objects_have_schemas_and_rights_only_where_they_are_kept(self):
        kinds = {"fairleadnodes": "Cluster", "fairleadrealisations": "Namespaced"}
        for documents, kept in ((self.default, True), (render("statusObjects=false"), False)):
            command = program_of(documents, "Deployment", "fairlead-controller")
            self.assertIn(f"--status-objects={str(kept).lower()}", command)
            definitions = {d["spec"]["names"]["plural"]: d["spec"] for d in documents
                           if d["kind"] == "CustomResourceDefinition" and d["spec"]["names"]["plural"] in kinds}
            self.assertEqual(set(definitions), set(kinds) if kept else set())
            rules = (find(documents, "ClusterRole", "fairlead-controller")["rules"] +
                     find(documents, "Role", "fairlead-controller")["rules"])
            for resource in [*kinds, "leases"]:
                self.assertEqual(any(resource in rule["resources"] for rule in rules), kept, resource)
            for plural, spec in definitions.items():
                self.assertEqual((spec["group"], spec["scope"]), ("fairlead.io", kinds[plural]))
                version, = spec["versions"]
                self.assertTrue(version["served"] and version["storage"])
                schema = version["schema"]["openAPIV3Schema"]
                self.assertIn("conditions", schema["properties"]["status"]["properties"])
                for column in version["additionalPrinterColumns"]:
                    self.assertEqual(set(column) - {"description", "priority"}, {"name", "type", "jsonPath"})

    def test_large_numbers_stay_numbers(self):
        command = program_of(render("agent.maxConnections=4194304"), "DaemonSet", "fairlead-agent")
        self.assertIn("--max-connections=4194304", command)

    def test_metrics_are_reachable_only_when_asked_for(self):
        for documents, address in ((self.default, "127.0.0.1"), (render("metrics.expose=true"), "[::]")):
            self.assertIn(f"--metrics-listen={address}:9964", program_of(documents, "DaemonSet", "fairlead-agent"))
            self.assertIn(f"--health-listen={address}:9965",
                          program_of(documents, "Deployment", "fairlead-controller"))

    def test_monitoring_is_optional_and_whole(self):
        self.assertFalse([d for d in self.default if d["kind"] in ("ServiceMonitor", "ConfigMap", "Service")])
        documents = render("metrics.expose=true", "metrics.serviceMonitor.enabled=true",
                           "metrics.grafanaDashboard.enabled=true", 'metrics.serviceMonitor.labels={"release":"p"}')
        monitor = find(documents, "ServiceMonitor", "fairlead-agent")
        self.assertEqual(monitor["metadata"]["labels"]["release"], "p")
        service = find(documents, "Service", "fairlead-agent-metrics")
        self.assertLessEqual(monitor["spec"]["selector"]["matchLabels"].items(), service["metadata"]["labels"].items())
        dashboard = find(documents, "ConfigMap", "fairlead-dashboard")["data"]["fairlead.json"]
        self.assertEqual(json.loads(dashboard)["title"], "Fairlead")

    def test_uninstalling_is_a_hook_that_can_be_left_out(self):
        hooks = [d for d in self.default if d["metadata"].get("annotations", {}).get("helm.sh/hook")]
        self.assertEqual({d["metadata"]["annotations"]["helm.sh/hook"] for d in hooks}, {"post-delete"})
        weights = {d["kind"]: int(d["metadata"]["annotations"]["helm.sh/hook-weight"]) for d in hooks}
        self.assertLess(weights["RoleBinding"], weights["DaemonSet"])
        self.assertLess(weights["DaemonSet"], weights["Job"])
        self.assertFalse([d for d in render("uninstall.cleanNodes=false") if "uninstall" in d["metadata"]["name"]])

    def test_programs_know_the_options_that_they_are_given(self):
        sources = {"fairlead-agent": "agent", "fairlead-controller": "controller"}
        for where, pod in pod_specs(render(f'apiServers={json.dumps(["https://10.0.0.1:6443"])}')).items():
            for container in pod["containers"] + pod.get("initContainers", []):
                program = container["command"][0].split("/")[-1]
                code = "".join(path.read_text() for path in (ROOT / sources[program]).rglob("*.cc"))
                for argument in container["command"][1:] + container.get("args", []):
                    known = f'"{argument.split("=")[0]}"' in code
                    self.assertTrue(known, f"{where}: {program} does not know {argument}")

    def test_one_replica_has_no_disruption_budget(self):
        find(self.default, "PodDisruptionBudget", "fairlead-controller")
        one = render("controller.replicas=1")
        self.assertFalse([d for d in one if d["kind"] == "PodDisruptionBudget"])

    def test_agents_run_on_every_node_before_there_is_a_network(self):
        for name in ("fairlead-agent", "fairlead-uninstall"):
            pod = find(self.default, "DaemonSet", name)["spec"]["template"]["spec"]
            self.assertEqual(pod["tolerations"], [{"operator": "Exists"}])
            self.assertTrue(pod["hostNetwork"])

    def test_selectors_select_their_pods(self):
        for document in self.default:
            if document["kind"] not in ("DaemonSet", "Deployment"):
                continue
            labels = document["spec"]["template"]["metadata"]["labels"]
            self.assertLessEqual(document["spec"]["selector"]["matchLabels"].items(), labels.items())


if __name__ == "__main__":
    unittest.main()
