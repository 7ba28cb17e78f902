#include "controller/model/placement.h"

#include <algorithm>
#include <utility>

#include "controller/model/content_hash.h"

namespace fairlead::controller {
namespace {

bool Carries(const policy::Labels& labels, const policy::Labels& wanted) {
  return std::all_of(wanted.begin(), wanted.end(), [&](const auto& label) {
    auto found = labels.find(label.first);
    return found != labels.end() && found->second == label.second;
  });
}

}  // namespace

std::vector<std::string> NodesInOrder(const std::string& workload, const policy::Labels& node_selector,
                                      const std::map<std::string, NodeObject>& nodes) {
  std::vector<std::pair<uint64_t, std::string>> weighted;
  for (const auto& [name, node] : nodes) {
    if (node.unschedulable || !Carries(node.labels, node_selector)) continue;
    weighted.emplace_back(ContentHash().Add(workload).Add(name).Number(), name);
  }
  std::sort(weighted.begin(), weighted.end());
  std::vector<std::string> names;
  names.reserve(weighted.size());
  for (auto& [weight, name] : weighted) names.push_back(std::move(name));
  return names;
}

}  // namespace fairlead::controller
