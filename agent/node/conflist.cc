#include "agent/node/conflist.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "kube/json.h"

namespace fairlead::agent {

using nlohmann::json;

absl::StatusOr<std::string> MakeConflist(const std::string& run_dir,
                                         const std::vector<std::string>& chained) {
  json plugins = {{{"type", "fairlead-cni"},
                   {"agentSocket", run_dir + "/cni.sock"},
                   {"queueDir", run_dir + "/cni-queue"},
                   {"capabilities", {{"portMappings", true}, {"ips", true}, {"mac", true}}}}};
  for (const std::string& text : chained) {
    const absl::StatusOr<json> plugin = kube::ParseJson(text);
    if (!plugin.ok() || kube::TextField(*plugin, {"type"}).empty()) {
      return absl::InvalidArgumentError(absl::StrCat(
          "--cni-chained-plugin ", text, R"(: give a JSON object, such as {"type": "bandwidth"})"));
    }
    plugins.push_back(*plugin);
  }
  // Runtimes that know only "cniVersion" take 1.0.0; newer ones the highest of "cniVersions" (CNI 1.1.0).
  const json list = {{"cniVersion", "1.0.0"},
                     {"cniVersions", {"0.4.0", "1.0.0", "1.1.0"}},
                     {"name", "fairlead"},
                     {"plugins", plugins}};
  return list.dump(2) + "\n";
}

bool ComesBeforeOurs(const std::string& name) {
  const bool is_read =
      absl::EndsWith(name, ".conf") || absl::EndsWith(name, ".conflist") || absl::EndsWith(name, ".json");
  return is_read && name < kConflistName;
}

bool DelegatesToOthers(absl::string_view content) {
  const absl::StatusOr<json> config = kube::ParseJson(content);
  if (!config.ok()) return false;
  const auto is_multus = [](const json& plugin) {
    return absl::StartsWith(kube::TextField(plugin, {"type"}), "multus");
  };
  const json& plugins = kube::ListField(*config, {"plugins"});
  return is_multus(*config) || std::any_of(plugins.begin(), plugins.end(), is_multus);
}

}  // namespace fairlead::agent
