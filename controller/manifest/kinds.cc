#include "controller/manifest/kinds.h"

#include <map>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/utf8.h"
#include "controller/manifest/fields.h"

namespace fairlead::controller {
namespace {

struct ReadKind {
  const char* api_version;
  bool cluster_scoped;
};

const std::map<std::string, ReadKind>& ReadKinds() {
  static const auto* kinds = new std::map<std::string, ReadKind>{
      {"Namespace", {"v1", true}},
      {"Node", {"v1", true}},
      {"Pod", {"v1", false}},
      {"Service", {"v1", false}},
      {"Deployment", {"apps/v1", false}},
      {"ReplicaSet", {"apps/v1", false}},
      {"StatefulSet", {"apps/v1", false}},
      {"DaemonSet", {"apps/v1", false}},
      {"EndpointSlice", {"discovery.k8s.io/v1", false}},
      {"NetworkPolicy", {"networking.k8s.io/v1", false}},
      {"FairleadConfig", {"fairlead.io/v1alpha1", true}},
  };
  return *kinds;
}

// Kinds of Kubernetes' own groups and ours that change nothing for the network, or belong to other programs.
const std::set<std::string>& OtherKinds() {
  static const auto* kinds = new std::set<std::string>{"APIService",
                                                       "Binding",
                                                       "CertificateSigningRequest",
                                                       "ClusterRole",
                                                       "ClusterRoleBinding",
                                                       "ClusterTrustBundle",
                                                       "ComponentStatus",
                                                       "ConfigMap",
                                                       "ControllerRevision",
                                                       "CronJob",
                                                       "CustomResourceDefinition",
                                                       "CSIDriver",
                                                       "CSINode",
                                                       "CSIStorageCapacity",
                                                       "DeviceClass",
                                                       "Endpoints",
                                                       "Event",
                                                       "FairleadEndpoint",
                                                       "FairleadNode",
                                                       "FairleadRealisation",
                                                       "FlowSchema",
                                                       "HorizontalPodAutoscaler",
                                                       "Ingress",
                                                       "IngressClass",
                                                       "IPAddress",
                                                       "Job",
                                                       "Lease",
                                                       "LimitRange",
                                                       "MutatingWebhookConfiguration",
                                                       "PersistentVolume",
                                                       "PersistentVolumeClaim",
                                                       "PodDisruptionBudget",
                                                       "PodTemplate",
                                                       "PriorityClass",
                                                       "PriorityLevelConfiguration",
                                                       "ReplicationController",
                                                       "ResourceClaim",
                                                       "ResourceClaimTemplate",
                                                       "ResourceQuota",
                                                       "ResourceSlice",
                                                       "Role",
                                                       "RoleBinding",
                                                       "RuntimeClass",
                                                       "Secret",
                                                       "ServiceAccount",
                                                       "ServiceCIDR",
                                                       "StorageClass",
                                                       "ValidatingAdmissionPolicy",
                                                       "ValidatingAdmissionPolicyBinding",
                                                       "ValidatingWebhookConfiguration",
                                                       "VolumeAttachment",
                                                       "VolumeAttributesClass"};
  return *kinds;
}

// "apps/v1" is of the group "apps"; "v1" of the group "".
std::string GroupOf(const std::string& api_version) {
  size_t slash = api_version.find('/');
  return slash == std::string::npos ? "" : api_version.substr(0, slash);
}

// All of whose kinds are known here.
bool IsKnownGroup(const std::string& group) {
  return !absl::StrContains(group, ".") || absl::EndsWith(group, ".k8s.io") || group == "fairlead.io";
}

}  // namespace

KindVerdict JudgeKind(const std::string& api_version, const std::string& kind) {
  auto read = ReadKinds().find(kind);
  if (read != ReadKinds().end()) {
    if (api_version == read->second.api_version) {
      return {KindVerdict::Decision::kRead, read->second.cluster_scoped, ""};
    }
    // Another group's kind of the same name (projectcalico.org/v3 NetworkPolicy) included: to pass it
    // over would leave open what its author meant to close.
    return {KindVerdict::Decision::kRefuse, false,
            absl::StrCat("apiVersion: must be ", read->second.api_version, " for a ", kind, ", is \"",
                         api_version, "\"")};
  }
  if (!IsKnownGroup(GroupOf(api_version)) || OtherKinds().count(kind) > 0) {
    return {KindVerdict::Decision::kIgnore, false, ""};
  }
  std::set<std::string> words = OtherKinds();
  for (const auto& [name, unused] : ReadKinds()) words.insert(name);
  std::string nearest = NearestWord(kind, words);
  return {KindVerdict::Decision::kRefuse, false,
          absl::StrCat("kind: ", api_version, " has no kind \"", Shorten(kind, 80), "\"",
                       nearest.empty() ? "" : absl::StrCat("; did you mean \"", nearest, "\"?"))};
}

}  // namespace fairlead::controller
