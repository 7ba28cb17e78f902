#include "cli/wait/realised.h"

#include <algorithm>
#include <map>

#include "absl/strings/str_cat.h"
#include "base/first_few.h"

namespace fairlead::cli {

using introspect::v1::RealisedNode;

size_t RealisedState::done() const {
  return static_cast<size_t>(std::count_if(nodes.begin(), nodes.end(), [](const RealisedNode& node) {
    return node.state() == RealisedNode::REALISED;
  }));
}

std::string RealisedState::Describe() const {
  if (!reached) return "the controller has not seen this version yet";
  std::vector<std::string> late;
  for (const RealisedNode& node : nodes) {
    if (node.state() != RealisedNode::REALISED)
      late.push_back(absl::StrCat(node.node(), ": ", node.message()));
  }
  return absl::StrCat(done(), " of ", nodes.size(), nodes.size() == 1 ? " node" : " nodes",
                      late.empty() ? "" : "; ", FirstFew(late, "; "));
}

RealisedState Merge(const std::vector<introspect::v1::RealisedReply>& replies) {
  RealisedState merged;
  std::map<std::string, RealisedNode> nodes;
  for (const auto& reply : replies) {
    if (!reply.reached()) continue;
    merged.reached = true;
    merged.exists = merged.exists || reply.exists();
    if (merged.refused.empty()) merged.refused = reply.refused();
    for (const RealisedNode& node : reply.nodes()) {
      const auto [known, added] = nodes.emplace(node.node(), node);
      if (!added && known->second.state() == RealisedNode::NOT_CONNECTED) known->second = node;
    }
  }
  for (auto& [name, node] : nodes) merged.nodes.push_back(std::move(node));
  return merged;
}

}  // namespace fairlead::cli
