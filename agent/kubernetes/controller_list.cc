#include "agent/kubernetes/controller_list.h"

#include <algorithm>
#include <tuple>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/address_port.h"
#include "base/ip.h"
#include "base/stable_hash.h"
#include "kube/controller_pods.h"

namespace fairlead::agent {

std::vector<std::string> ControllersIn(const nlohmann::json& list, uint16_t port, const std::string& node) {
  std::vector<std::tuple<bool, uint64_t, std::string>> ranked;
  for (const kube::ControllerPod& pod : kube::ControllerPodsIn(list)) {
    std::string controller = WithPort(pod.address, port);
    const uint64_t rank = StableHash(absl::StrCat(node, " ", controller));
    ranked.emplace_back(!pod.ready, rank, std::move(controller));
  }
  std::sort(ranked.begin(), ranked.end());
  std::vector<std::string> controllers;
  for (auto& [waiting, rank, controller] : ranked) {
    if (controllers.empty() || controllers.back() != controller) controllers.push_back(std::move(controller));
  }
  return controllers;
}

std::vector<std::string> ParseControllers(absl::string_view text) {
  std::vector<std::string> controllers;
  for (absl::string_view line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
    const size_t colon = line.rfind(':');
    uint32_t port = 0;
    if (colon == absl::string_view::npos || !absl::SimpleAtoi(line.substr(colon + 1), &port) || port == 0 ||
        port > 65535) {
      continue;
    }
    absl::string_view host = line.substr(0, colon);
    if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
    const absl::StatusOr<IpAddress> address = IpAddress::Parse(std::string(host));
    if (address.ok()) controllers.push_back(WithPort(*address, static_cast<uint16_t>(port)));
  }
  return controllers;
}

}  // namespace fairlead::agent
