#include "agent/kubernetes/controller_list.h"

#include <algorithm>
#include <tuple>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/address_port.h"
#include "base/ip.h"
#include "base/stable_hash.h"
#include "kube/json.h"

namespace fairlead::agent {
namespace {

using kube::TextField;

bool IsReady(const nlohmann::json& pod) {
  const nlohmann::json& conditions = kube::ListField(pod, {"status", "conditions"});
  return std::any_of(conditions.begin(), conditions.end(), [](const nlohmann::json& condition) {
    return TextField(condition, {"type"}) == "Ready" && TextField(condition, {"status"}) == "True";
  });
}

// What is over or ending takes no agents.
bool IsEnding(const nlohmann::json& pod) {
  const std::string phase = TextField(pod, {"status", "phase"});
  return kube::FindField(pod, {"metadata", "deletionTimestamp"}) != nullptr || phase == "Succeeded" ||
         phase == "Failed";
}

}  // namespace

std::vector<std::string> ControllersIn(const nlohmann::json& list, uint16_t port, const std::string& node) {
  std::vector<std::tuple<bool, uint64_t, std::string>> ranked;
  for (const nlohmann::json& pod : kube::ListField(list, {"items"})) {
    const absl::StatusOr<IpAddress> address = IpAddress::Parse(TextField(pod, {"status", "podIP"}));
    if (!address.ok() || IsEnding(pod)) continue;
    std::string controller = WithPort(*address, port);
    const uint64_t rank = StableHash(absl::StrCat(node, " ", controller));
    ranked.emplace_back(!IsReady(pod), rank, std::move(controller));
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
