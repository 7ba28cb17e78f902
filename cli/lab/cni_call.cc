#include "cli/lab/cni_call.h"

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "cli/lab/process.h"

namespace fairlead::lab {
namespace {

using nlohmann::json;

constexpr int kTimeoutMs = 20'000;
constexpr int kTryAgainLater = 11;       // CNI specification, section 5
constexpr int kPluginNotAvailable = 50;  // of STATUS; here: the agent has no answer yet

const char* MappedProtocol(uint8_t protocol) {
  return protocol == 17 ? "udp" : protocol == 132 ? "sctp" : "tcp";
}

absl::StatusOr<std::string> Call(const CniNode& node, const CniAttachment& attachment,
                                 const std::string& command) {
  const std::string plugin_dir = node.plugin.substr(0, node.plugin.rfind('/'));
  const Workload& pod = attachment.pod;
  const ProcessSpec spec{
      .argv = {node.plugin},
      .env = {"CNI_COMMAND=" + command, "CNI_CONTAINERID=" + attachment.container_id,
              "CNI_NETNS=" + attachment.netns, "CNI_IFNAME=" + attachment.interface, "CNI_PATH=" + plugin_dir,
              absl::StrCat("CNI_ARGS=IgnoreUnknown=1;K8S_POD_NAMESPACE=", pod.namespace_name,
                           ";K8S_POD_NAME=", pod.name,
                           ";K8S_POD_INFRA_CONTAINER_ID=", attachment.container_id, ";K8S_POD_UID=", pod.uid),
              "PATH=/usr/sbin:/usr/bin:/sbin:/bin"},
      .netns_fd = node.netns_fd,
      .cgroup = node.cgroup,
  };
  ASSIGN_OR_RETURN(const CommandResult result, RunCommand(spec, CniConfig(node, pod), kTimeoutMs));
  if (result.exit_code != 0) return ErrorOfOutput(result.out, result.err, result.exit_code);
  return result.out;
}

}  // namespace

std::string CniConfig(const CniNode& node, const Workload& pod) {
  json config{{"cniVersion", "1.1.0"},
              {"name", "fairlead"},
              {"type", "fairlead-cni"},
              {"capabilities", {{"portMappings", true}}},
              {"agentSocket", node.agent_socket},
              {"queueDir", node.queue_dir},
              {"timeoutSeconds", kTimeoutMs / 1000 - 5}};
  json mappings = json::array();
  for (const Container& container : pod.containers) {
    for (const ContainerPort& port : container.ports) {
      if (port.host_port == 0) continue;
      json mapping{{"hostPort", port.host_port},
                   {"containerPort", port.port},
                   {"protocol", MappedProtocol(port.protocol)}};
      if (!port.host_ip.empty()) mapping["hostIP"] = port.host_ip;
      mappings.push_back(mapping);
    }
  }
  if (!mappings.empty()) config["runtimeConfig"] = {{"portMappings", mappings}};
  return config.dump();
}

absl::StatusOr<std::vector<std::string>> AddressesOfResult(const std::string& result) {
  std::vector<std::string> addresses;
  try {
    const json value = json::parse(result);
    for (const json& ip : value.at("ips")) {
      const std::string text = ip.at("address");
      addresses.push_back(text.substr(0, text.find('/')));
    }
  } catch (const json::exception& error) {
    return absl::InternalError(absl::StrCat("CNI ADD: the plugin's result is no CNI result: ", error.what()));
  }
  return addresses;
}

absl::Status ErrorOfOutput(const std::string& output, const std::string& stderr_text, int exit_code) {
  const json value = json::parse(output, nullptr, /*allow_exceptions=*/false);
  if (!value.is_object() || !value.contains("code") || !value["code"].is_number_integer()) {
    return absl::InternalError(absl::StrCat("the CNI plugin ended with ", exit_code, " and no error object: ",
                                            stderr_text.empty() ? output : stderr_text));
  }
  const int code = value["code"];
  std::string message = value.value("msg", "");
  const std::string details = value.value("details", "");
  if (!details.empty()) absl::StrAppend(&message, " (", details, ")");
  message = absl::StrCat("CNI error ", code, ": ", message);
  return code == kTryAgainLater || code == kPluginNotAvailable ? absl::UnavailableError(message)
                                                               : absl::InternalError(message);
}

absl::StatusOr<std::vector<std::string>> CniAdd(const CniNode& node, const CniAttachment& attachment) {
  ASSIGN_OR_RETURN(const std::string result, Call(node, attachment, "ADD"));
  return AddressesOfResult(result);
}

absl::Status CniDel(const CniNode& node, const CniAttachment& attachment) {
  return Call(node, attachment, "DEL").status();
}

}  // namespace fairlead::lab
