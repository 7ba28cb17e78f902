// What the lab's kubelet is told to run, and what it reports: plain values.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace fairlead::lab {

struct ContainerPort {
  std::string name;
  uint16_t port = 0;
  uint8_t protocol = 6;  // IANA
  uint16_t host_port = 0;
  std::string host_ip;

  bool operator==(const ContainerPort&) const = default;
};

struct Container {
  std::string name;
  std::string image;
  std::vector<std::string> command;
  std::vector<std::string> args;
  std::vector<std::pair<std::string, std::string>> env;
  std::vector<ContainerPort> ports;
  std::string working_dir;
};

struct Workload {
  std::string namespace_name;
  std::string name;
  std::string uid;
  std::string node;
  bool host_network = false;
  std::string owner;  // "Deployment/cart"; empty for a bare pod
  std::vector<Container> containers;

  std::string full_name() const { return namespace_name + "/" + name; }
};

struct Snapshot {
  uint64_t watermark = 0;
  std::vector<Workload> pods;
};

// What the container runs on the host's file system: its command, or the probe server on its ports when
// only an image is named.
std::vector<std::string> CommandOf(const Container& container, const std::string& probe_program);

// A pod as the kubelet sees it; one file a node holds them all.
struct PodStatus {
  std::string namespace_name;
  std::string name;
  std::string uid;
  std::string node;
  std::string owner;
  std::string phase = "Pending";  // "Pending", "Running", "Stopping"
  std::string message;            // why it is pending, or how its last container ended
  bool host_network = false;
  int restarts = 0;
  double start_ms = 0;  // from first seen to running
  std::vector<std::string> addresses;
  std::vector<ContainerPort> ports;
  std::string netns;   // path
  std::string cgroup;  // folder

  std::string full_name() const { return namespace_name + "/" + name; }
};

std::string PodsToJsonText(const std::vector<PodStatus>& pods, uint64_t watermark);
struct NodePods {
  uint64_t watermark = 0;
  std::vector<PodStatus> pods;
};
absl::StatusOr<NodePods> PodsFromJsonText(const std::string& text);

}  // namespace fairlead::lab
