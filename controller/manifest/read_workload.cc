#include <algorithm>

#include "absl/strings/str_cat.h"
#include "controller/manifest/readers.h"

namespace fairlead::controller {
namespace {

constexpr int kMaxReplicas = 10'000;

// selector.matchLabels must match the template, as the API server insists on it.
void CheckSelector(Fields& spec, const WorkloadObject& workload, Problems* problems) {
  std::optional<At> at = spec.Find("selector");
  if (!at) {
    spec.Add("selector", "is required, and selects the labels of the template");
    return;
  }
  policy::LabelSelector selector = ReadLabelSelector(*at, problems);
  if (selector.match_labels.empty() && selector.match_expressions.empty()) {
    spec.Add("selector", "must not be empty; it selects the labels of the template");
  }
  for (const auto& [key, value] : selector.match_labels) {
    auto label = workload.pod_labels.find(key);
    if (label == workload.pod_labels.end() || label->second != value) {
      spec.Add("selector", absl::StrCat("does not select the template: spec.template.metadata.labels lacks ",
                                        key, "=", value));
    }
  }
}

void ReadTemplate(const At& at, WorkloadObject* workload, Problems* problems) {
  Fields fields(at, problems);
  if (std::optional<At> metadata = fields.Find("metadata")) {
    Fields inner(*metadata, problems);
    workload->pod_labels = ReadLabels(inner, "labels", problems);
    inner.StringMap("annotations");
    inner.KnownButUnused(
        {"name", "namespace", "generateName", "creationTimestamp", "finalizers", "ownerReferences"});
    inner.Finish();
  }
  if (std::optional<At> spec = fields.Find("spec")) {
    workload->spec = ReadPodSpec(*spec, problems);
  } else {
    fields.Add("spec", "is required");
  }
  fields.Finish();
}

}  // namespace

WorkloadObject ReadWorkload(Fields& object, const std::string& kind, const Metadata& metadata,
                            Problems* problems) {
  WorkloadObject workload;
  workload.uid = metadata.uid;
  workload.one_per_node = kind == "DaemonSet";
  object.KnownButUnused({"status"});
  std::optional<At> at = object.Find("spec");
  if (!at) {
    object.Add("spec", "is required");
    return workload;
  }
  Fields spec(*at, problems);
  if (!workload.one_per_node) {
    workload.replicas = static_cast<int>(spec.Int("replicas", 0, kMaxReplicas).value_or(1));
  }
  if (std::optional<At> pod_template = spec.Find("template")) {
    ReadTemplate(*pod_template, &workload, problems);
  } else {
    spec.Add("template", "is required");
  }
  CheckSelector(spec, workload, problems);
  spec.KnownButUnused({"minReadySeconds"});
  if (kind == "Deployment") {
    spec.KnownButUnused({"strategy", "revisionHistoryLimit", "paused", "progressDeadlineSeconds"});
  } else if (kind == "DaemonSet") {
    spec.KnownButUnused({"updateStrategy", "revisionHistoryLimit"});
  } else if (kind == "StatefulSet") {
    if (std::optional<At> ordinals = spec.Find("ordinals")) {
      Fields inner(*ordinals, problems);
      workload.first_ordinal = static_cast<int>(inner.Int("start", 0, 1'000'000'000).value_or(0));
      inner.Finish();
    }
    spec.KnownButUnused({"serviceName", "podManagementPolicy", "updateStrategy", "revisionHistoryLimit",
                         "volumeClaimTemplates", "persistentVolumeClaimRetentionPolicy"});
  }
  spec.Finish();
  return workload;
}

}  // namespace fairlead::controller
