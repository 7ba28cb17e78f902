#include "cni/environment.h"

#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/status_macros.h"
#include "cni/attachment.h"
#include "cni/error.h"

namespace fairlead::cni {
namespace {

absl::Status InvalidEnvironment(absl::string_view message, absl::string_view details = "") {
  return CniError(ErrorCode::kInvalidEnvironment, message, details);
}

// "K8S_POD_NAME=cart-0;IgnoreUnknown=1". Keys that are not ours are for other plugins.
absl::Status ReadArgs(const std::string& args, Environment* environment) {
  if (args.empty()) return absl::OkStatus();
  for (absl::string_view pair : absl::StrSplit(args, ';', absl::SkipEmpty())) {
    const std::pair<std::string, std::string> entry = absl::StrSplit(pair, absl::MaxSplits('=', 1));
    if (!absl::StrContains(pair, "=")) {
      return InvalidEnvironment(absl::StrCat("CNI_ARGS: \"", pair, "\" is not KEY=VALUE"));
    }
    if (entry.first == "K8S_POD_NAMESPACE") environment->pod_namespace = entry.second;
    if (entry.first == "K8S_POD_NAME") environment->pod_name = entry.second;
    if (entry.first == "K8S_POD_UID") environment->pod_uid = entry.second;
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Environment> ReadEnvironment(const std::function<const char*(const char*)>& get) {
  auto read = [&](const char* name) {
    const char* value = get(name);
    return std::string(value == nullptr ? "" : value);
  };
  Environment environment;
  environment.command = read("CNI_COMMAND");
  static const std::set<std::string> commands = {"ADD", "DEL", "CHECK", "STATUS", "GC", "VERSION"};
  if (environment.command.empty()) {
    return InvalidEnvironment("CNI_COMMAND is not set", "this program is started by a container runtime");
  }
  if (!commands.contains(environment.command)) {
    return InvalidEnvironment(absl::StrCat("CNI_COMMAND: \"", environment.command, "\" is not a command"),
                              "ADD, DEL, CHECK, STATUS, GC and VERSION are");
  }
  const bool of_attachment =
      environment.command == "ADD" || environment.command == "DEL" || environment.command == "CHECK";
  if (!of_attachment) return environment;

  environment.container_id = read("CNI_CONTAINERID");
  environment.netns = read("CNI_NETNS");
  environment.if_name = read("CNI_IFNAME");
  if (!IsValidContainerId(environment.container_id)) {
    return InvalidEnvironment(
        absl::StrCat("CNI_CONTAINERID: \"", environment.container_id, "\" is not a container id"),
        "letters, digits and _.- after a letter or digit, at most 255 bytes");
  }
  if (!IsValidInterfaceName(environment.if_name)) {
    return InvalidEnvironment(
        absl::StrCat("CNI_IFNAME: \"", environment.if_name, "\" is not an interface name"),
        "1 to 15 bytes without white space, / and :");
  }
  if (environment.netns.empty() && environment.command != "DEL") {
    return InvalidEnvironment("CNI_NETNS is not set", "the path of the pod's network namespace");
  }
  RETURN_IF_ERROR(ReadArgs(read("CNI_ARGS"), &environment));
  if (environment.command == "ADD" && (environment.pod_namespace.empty() || environment.pod_name.empty())) {
    return InvalidEnvironment(
        "CNI_ARGS: K8S_POD_NAMESPACE and K8S_POD_NAME are needed to know the pod's policy",
        "Kubernetes runtimes set them; so does `fairlead lab`");
  }
  return environment;
}

}  // namespace fairlead::cni
