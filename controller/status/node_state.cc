#include "controller/status/node_state.h"

#include <variant>

namespace fairlead::controller {

std::vector<NodeState> NodeStatesOf(const Controller& controller, const ClusterProgress& progress) {
  std::vector<NodeState> nodes;
  for (const auto& [name, node] : controller.store().cluster().nodes) {
    NodeState state{.name = name, .pod_cidrs = node.pod_cidrs};
    const auto object = controller.source().objects().find({"Node", "", name});
    if (object != controller.source().objects().end()) state.uid = object->second.version.uid;
    controller.store().ForEachOwn(name, [&](const ResourcePtr& resource) {
      state.pods += std::holds_alternative<Endpoint>(resource->body) ? 1 : 0;
    });
    if (const auto agent = progress.find(name); agent != progress.end()) state.agent = agent->second;
    nodes.push_back(std::move(state));
  }
  return nodes;
}

}  // namespace fairlead::controller
