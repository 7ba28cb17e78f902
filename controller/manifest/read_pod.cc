#include <set>

#include "absl/strings/str_cat.h"
#include "controller/manifest/names.h"
#include "controller/manifest/readers.h"

namespace fairlead::controller {
namespace {

ContainerPort ReadContainerPort(const At& at, bool host_network, Problems* problems) {
  Fields fields(at, problems);
  ContainerPort port;
  port.name = fields.String("name");
  if (!port.name.empty()) Require(fields, "name", CheckPortName(port.name));
  port.protocol = ReadProtocol(fields);
  if (!fields.Has("containerPort")) fields.Add("containerPort", "is required");
  port.number = static_cast<uint16_t>(fields.Int("containerPort", 1, 65535).value_or(0));
  port.host_port = static_cast<uint16_t>(fields.Int("hostPort", 1, 65535).value_or(0));
  if (host_network && port.host_port != 0 && port.host_port != port.number) {
    fields.Add("hostPort", "must equal containerPort, for the pod has hostNetwork");
  }
  if (std::optional<At> host_ip = fields.Find("hostIP")) {
    std::optional<IpAddress> address = ReadAddress(*host_ip, problems);
    if (address) port.host_ip = address->ToString();
  }
  fields.Finish();
  return port;
}

void ReadEnv(Fields& container, Container* result, Problems* problems) {
  for (const At& item : container.List("env")) {
    Fields fields(item, problems);
    std::string name = fields.RequiredString("name");
    std::string value = fields.String("value");
    // Values from Secrets, ConfigMaps and the pod's own fields are not known here.
    bool from_elsewhere = fields.Find("valueFrom").has_value();
    fields.Finish();
    if (from_elsewhere && !value.empty()) fields.Add("valueFrom", "must be absent when value is given");
    if (!from_elsewhere) result->env[name] = value;
  }
}

Container ReadContainer(const At& at, bool host_network, Problems* problems) {
  Fields fields(at, problems);
  Container container;
  container.name = fields.RequiredString("name");
  if (!container.name.empty()) Require(fields, "name", CheckDnsLabel(container.name));
  container.image = fields.String("image");
  container.command = fields.Strings("command");
  container.args = fields.Strings("args");
  if (container.image.empty() && container.command.empty()) {
    fields.Add("image", "is required where no command is given");
  }
  container.working_dir = fields.String("workingDir");
  ReadEnv(fields, &container, problems);
  std::set<std::string> names;
  for (const At& item : fields.List("ports")) {
    container.ports.push_back(ReadContainerPort(item, host_network, problems));
    const std::string& name = container.ports.back().name;
    if (!name.empty() && !names.insert(name).second) {
      problems->Add(item.value->line, item.path + ".name",
                    absl::StrCat("\"", name, "\" names a second port; names are unique"));
    }
  }
  fields.KnownButUnused({"envFrom", "imagePullPolicy", "lifecycle", "livenessProbe", "readinessProbe",
                         "resizePolicy", "resources", "restartPolicy", "restartPolicyRules",
                         "securityContext", "startupProbe", "stdin", "stdinOnce", "terminationMessagePath",
                         "terminationMessagePolicy", "tty", "volumeDevices", "volumeMounts"});
  fields.Finish();
  return container;
}

void ReadStatus(const At& at, PodObject* pod, Problems* problems) {
  Fields status(at, problems);
  for (const At& item : status.List("podIPs")) {
    Fields fields(item, problems);
    if (std::optional<At> ip = fields.Find("ip")) {
      std::optional<IpAddress> address = ReadAddress(*ip, problems);
      if (address) pod->status_addresses.push_back(*address);
    }
    fields.Finish();
  }
  if (std::optional<At> ip = status.Find("podIP")) {
    std::optional<IpAddress> address = ReadAddress(*ip, problems);
    if (address && pod->status_addresses.empty()) pod->status_addresses.push_back(*address);
  }
  std::string phase =
      status.OneOf("phase", {"Pending", "Running", "Succeeded", "Failed", "Unknown"}, "Running");
  pod->terminated = phase == "Succeeded" || phase == "Failed";
  for (const At& item : status.List("conditions")) {
    Fields condition(item, problems);
    if (condition.String("type") == "Ready" && condition.String("status") == "False")
      pod->says_unready = true;
  }
  // The rest of a pod's status is the kubelet's and none of our business.
}

}  // namespace

PodSpec ReadPodSpec(const At& at, Problems* problems) {
  Fields fields(at, problems);
  PodSpec spec;
  spec.node_name = fields.String("nodeName");
  if (!spec.node_name.empty()) Require(fields, "nodeName", CheckDnsSubdomain(spec.node_name));
  spec.node_selector = ReadLabels(fields, "nodeSelector", problems);
  spec.host_network = fields.Bool("hostNetwork").value_or(false);
  std::set<std::string> names;
  for (const At& item : fields.List("containers")) {
    spec.containers.push_back(ReadContainer(item, spec.host_network, problems));
    const std::string& name = spec.containers.back().name;
    if (!names.insert(name).second) {
      problems->Add(item.value->line, item.path + ".name",
                    absl::StrCat("\"", name, "\" names a second container; names are unique"));
    }
  }
  if (!fields.Has("containers") || (spec.containers.empty() && problems->empty())) {
    fields.Add("containers", "is required, with at least one container");
  }
  fields.KnownButUnused({"activeDeadlineSeconds",
                         "affinity",
                         "automountServiceAccountToken",
                         "dnsConfig",
                         "dnsPolicy",
                         "enableServiceLinks",
                         "ephemeralContainers",
                         "hostAliases",
                         "hostIPC",
                         "hostPID",
                         "hostUsers",
                         "hostname",
                         "hostnameOverride",
                         "imagePullSecrets",
                         "initContainers",
                         "os",
                         "overhead",
                         "preemptionPolicy",
                         "priority",
                         "priorityClassName",
                         "readinessGates",
                         "resourceClaims",
                         "resources",
                         "restartPolicy",
                         "runtimeClassName",
                         "schedulerName",
                         "schedulingGates",
                         "securityContext",
                         "serviceAccount",
                         "serviceAccountName",
                         "setHostnameAsFQDN",
                         "shareProcessNamespace",
                         "subdomain",
                         "terminationGracePeriodSeconds",
                         "tolerations",
                         "topologySpreadConstraints",
                         "volumes",
                         "workloadRef"});
  fields.Finish();
  return spec;
}

PodObject ReadPod(Fields& object, const Metadata& metadata, Problems* problems) {
  PodObject pod;
  pod.uid = metadata.uid;
  pod.labels = metadata.labels;
  pod.terminating = metadata.deleting;
  if (std::optional<At> spec = object.Find("spec")) {
    pod.spec = ReadPodSpec(*spec, problems);
  } else {
    object.Add("spec", "is required");
  }
  if (std::optional<At> status = object.Find("status")) ReadStatus(*status, &pod, problems);
  return pod;
}

}  // namespace fairlead::controller
