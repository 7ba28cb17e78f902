#include "cli/lab/workload.h"

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace fairlead::lab {
namespace {

using nlohmann::json;

const char* ProbeProtocol(uint8_t protocol) {
  switch (protocol) {
    case 17:
      return "udp";
    case 132:
      return "sctp";
    default:
      return "tcp";
  }
}

// $(NAME) in commands and arguments, as the kubelet does it.
std::string Expand(const std::string& text, const Container& container) {
  std::vector<std::pair<std::string, std::string>> names;
  for (const auto& [name, value] : container.env) names.emplace_back(absl::StrCat("$(", name, ")"), value);
  return absl::StrReplaceAll(text, names);
}

}  // namespace

std::vector<std::string> CommandOf(const Container& container, const std::string& probe_program) {
  std::vector<std::string> argv;
  for (const std::string& word : container.command) argv.push_back(Expand(word, container));
  if (argv.empty()) {
    argv = {probe_program, "serve"};
    for (const ContainerPort& port : container.ports) {
      argv.push_back(absl::StrCat(ProbeProtocol(port.protocol), ":", port.port));
    }
    return argv;
  }
  for (const std::string& word : container.args) argv.push_back(Expand(word, container));
  return argv;
}

std::string PodsToJsonText(const std::vector<PodStatus>& pods, uint64_t watermark) {
  json list = json::array();
  for (const PodStatus& pod : pods) {
    json ports = json::array();
    for (const ContainerPort& port : pod.ports) {
      ports.push_back({{"name", port.name},
                       {"port", port.port},
                       {"protocol", port.protocol},
                       {"hostPort", port.host_port},
                       {"hostIP", port.host_ip}});
    }
    list.push_back({{"namespace", pod.namespace_name},
                    {"name", pod.name},
                    {"uid", pod.uid},
                    {"node", pod.node},
                    {"owner", pod.owner},
                    {"phase", pod.phase},
                    {"message", pod.message},
                    {"hostNetwork", pod.host_network},
                    {"restarts", pod.restarts},
                    {"startMs", pod.start_ms},
                    {"addresses", pod.addresses},
                    {"ports", ports},
                    {"netns", pod.netns},
                    {"cgroup", pod.cgroup}});
  }
  return json{{"watermark", watermark}, {"pods", list}}.dump(1);
}

absl::StatusOr<NodePods> PodsFromJsonText(const std::string& text) {
  NodePods result;
  try {
    const json value = json::parse(text);
    value.at("watermark").get_to(result.watermark);
    for (const json& entry : value.at("pods")) {
      PodStatus pod{.namespace_name = entry.at("namespace"),
                    .name = entry.at("name"),
                    .uid = entry.at("uid"),
                    .node = entry.at("node"),
                    .owner = entry.at("owner"),
                    .phase = entry.at("phase"),
                    .message = entry.at("message"),
                    .host_network = entry.at("hostNetwork"),
                    .restarts = entry.at("restarts"),
                    .start_ms = entry.at("startMs"),
                    .addresses = entry.at("addresses"),
                    .netns = entry.at("netns"),
                    .cgroup = entry.at("cgroup")};
      for (const json& port : entry.at("ports")) {
        pod.ports.push_back({.name = port.at("name"),
                             .port = port.at("port"),
                             .protocol = port.at("protocol"),
                             .host_port = port.at("hostPort"),
                             .host_ip = port.at("hostIP")});
      }
      result.pods.push_back(std::move(pod));
    }
  } catch (const json::exception& error) {
    return absl::DataLossError(absl::StrCat("pods.json: ", error.what()));
  }
  return result;
}

}  // namespace fairlead::lab
