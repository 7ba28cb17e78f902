#include "controller/config/status.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/utf8.h"
#include "kube/json.h"

namespace fairlead::controller {
namespace {

using nlohmann::json;

constexpr size_t kMaxMessage = 4096;
constexpr char kAccepted[] = "Accepted";

ObjectKey ConfigKey() {
  return {kConfigKind, "", kConfigName};
}

std::vector<std::string> TextsOf(const std::vector<Rejection>& all) {
  std::vector<std::string> texts;
  const std::string object = ConfigKey().ToString();
  for (const Rejection& one : all) {
    if (one.object == object) texts.push_back(one.message);
  }
  return texts;
}

json TextsOf(const std::vector<IpPrefix>& ranges) {
  json texts = json::array();
  for (const IpPrefix& range : ranges) texts.push_back(range.ToString());
  return texts;
}

json Setting(json value, bool of_object) {
  return {{"value", std::move(value)}, {"origin", of_object ? kConfigKind : "default"}};
}

json SettingsInForce(const Controller& controller) {
  const auto found = controller.source().objects().find(ConfigKey());
  const ConfigObject stated = found == controller.source().objects().end()
                                  ? ConfigObject{}
                                  : std::get<ConfigObject>(found->second.body);
  const ClusterSettings& in_force = controller.store().cluster().settings;
  return {{"masquerade", Setting(in_force.masquerade, stated.masquerade.has_value())},
          {"nativeCIDRs", Setting(TextsOf(in_force.native_cidrs), stated.native_cidrs.has_value())},
          {"socketBalancing", Setting(in_force.socket_balancing, stated.socket_balancing.has_value())},
          {"serviceCIDRs", Setting(TextsOf(in_force.service_cidrs), stated.service_cidrs.has_value())}};
}

// What makes `to` of `from`.
json MergePatch(const json& from, const json& to) {
  if (!from.is_object() || !to.is_object()) return to;
  json patch = json::object();
  for (const auto& [key, value] : from.items()) {
    if (!to.contains(key)) patch[key] = nullptr;
  }
  for (const auto& [key, value] : to.items()) {
    if (!from.contains(key)) {
      patch[key] = value;
    } else if (from.at(key) != value) {
      patch[key] = MergePatch(from.at(key), value);
    }
  }
  return patch;
}

// When the condition came to be what it is, if it has been so before.
std::string SinceWhen(const json& object, const json& condition, const std::string& now) {
  for (const json& old : kube::ListField(object, {"status", "conditions"})) {
    if (kube::TextField(old, {"type"}) != kube::TextField(condition, {"type"})) continue;
    const std::string since = kube::TextField(old, {"lastTransitionTime"});
    const bool same = kube::TextField(old, {"status"}) == kube::TextField(condition, {"status"});
    if (!since.empty() && same) return since;
  }
  return now;
}

}  // namespace

json ConfigStatusOf(const Controller& controller) {
  const std::vector<std::string> refused = TextsOf(controller.Rejections());
  if (refused.empty() && controller.source().objects().count(ConfigKey()) == 0) return nullptr;
  const std::vector<std::string> said = refused.empty() ? TextsOf(controller.Remarks()) : refused;
  const json condition = {{"type", kAccepted},
                          {"status", refused.empty() ? "True" : "False"},
                          {"reason", refused.empty() ? kAccepted : "Refused"},
                          {"message", Shorten(absl::StrJoin(said, "; "), kMaxMessage)}};
  return {{"conditions", json::array({condition})}, {"effective", SettingsInForce(controller)}};
}

json ConfigStatusPatch(const json& object, const json& wanted, const std::string& now) {
  json status = wanted;
  const json* generation = kube::FindField(object, {"metadata", "generation"});
  if (generation != nullptr && generation->is_number_integer()) status["observedGeneration"] = *generation;
  for (json& condition : status["conditions"]) {
    condition["lastTransitionTime"] = SinceWhen(object, condition, now);
    if (status.contains("observedGeneration")) condition["observedGeneration"] = status["observedGeneration"];
  }
  const json* before = kube::FindField(object, {"status"});
  if (before == nullptr) return {{"status", status}};
  if (*before == status) return nullptr;
  return {{"status", MergePatch(*before, status)}};
}

std::string DescribeSettings(const Controller& controller) {
  std::vector<std::string> texts;
  const json settings = SettingsInForce(controller);
  for (const auto& [name, setting] : settings.items()) {
    const json& value = setting.at("value");
    std::vector<std::string> ranges;
    for (const json& range : value.is_array() ? value : json::array()) ranges.push_back(range);
    texts.push_back(
        absl::StrCat(name, " ",
                     value.is_boolean() ? value.dump()
                     : ranges.empty()   ? "none"
                                        : absl::StrJoin(ranges, ","),
                     kube::TextField(setting, {"origin"}) == kConfigKind ? " (FairleadConfig)" : ""));
  }
  return absl::StrJoin(texts, "; ");
}

}  // namespace fairlead::controller
