#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "controller/model/cluster.h"

namespace fairlead::controller {
namespace {

// Where a list of ranges comes from, for what is said of it.
struct RangesFrom {
  std::string object;  // "FairleadConfig fairlead"
  Where where;
  std::string field;  // "spec.nativeCIDRs"
};

// Why a node cannot hold `range` beside its pods' ranges, of which the narrowest decides; "" when it can.
std::string AgainstPods(const IpPrefix& range, const std::map<std::string, NodeObject>& nodes) {
  for (const auto& [name, node] : nodes) {
    for (const IpPrefix& pods : node.pod_cidrs) {
      if (pods.Contains(range))
        return absl::StrCat("lies within ", pods.ToString(), ", the pods of Node ", name);
    }
  }
  return "";
}

std::string AgainstServices(const IpPrefix& range, const std::vector<IpPrefix>& services) {
  const bool is_one = std::find(services.begin(), services.end(), range) != services.end();
  return is_one ? "is the Services' range" : "";
}

// `why_not`: of one range; "" where nothing is against it.
template <typename WhyNot>
void LeaveOut(std::vector<IpPrefix>* ranges, const RangesFrom& from, WhyNot why_not, Cluster* cluster) {
  std::erase_if(*ranges, [&](const IpPrefix& range) {
    const std::string why = why_not(range);
    if (why.empty()) return false;
    cluster->remarks.push_back({from.object, from.where,
                                absl::StrCat(from.field, ": ", range.ToString(), " ", why,
                                             ", and counts for nothing; take it out")});
    return true;
  });
}

}  // namespace

void ResolveSettings(const Objects& objects, const ClusterSettings& started_with, Cluster* cluster) {
  ClusterSettings& settings = cluster->settings;
  settings = started_with;
  RangesFrom native{"fairlead-controller", {"command line", 0}, "--native-cidr"};
  RangesFrom services{"fairlead-controller", {"command line", 0}, "--service-cidr"};
  const auto found = objects.find({kConfigKind, "", kConfigName});
  if (found != objects.end()) {
    const auto& config = std::get<ConfigObject>(found->second.body);
    const auto of_object = [&](const char* field) {
      return RangesFrom{found->first.ToString(), found->second.where, field};
    };
    settings.masquerade = config.masquerade.value_or(settings.masquerade);
    settings.socket_balancing = config.socket_balancing.value_or(settings.socket_balancing);
    if (config.native_cidrs) {
      settings.native_cidrs = *config.native_cidrs;
      native = of_object("spec.nativeCIDRs");
    }
    if (config.service_cidrs) {
      settings.service_cidrs = *config.service_cidrs;
      services = of_object("spec.serviceCIDRs");
    }
  }
  LeaveOut(
      &settings.service_cidrs, services,
      [&](const IpPrefix& range) { return AgainstPods(range, cluster->nodes); }, cluster);
  LeaveOut(
      &settings.native_cidrs, native,
      [&](const IpPrefix& range) {
        const std::string why = AgainstServices(range, settings.service_cidrs);
        return why.empty() ? AgainstPods(range, cluster->nodes) : why;
      },
      cluster);
}

}  // namespace fairlead::controller
