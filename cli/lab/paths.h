// Where a lab keeps what. A lab's folder is a tmpfs of its own, shared between mount namespaces: what is
// mounted below (network namespaces, bpffs) goes with it, and goes from every pod's view too.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

namespace fairlead::lab {

inline constexpr char kLabsDir[] = "/run/fairlead/labs";
inline constexpr char kLabLocksDir[] = "/run/fairlead/lab-locks";
// ip(8) looks namespaces up here; we leave links to ours, for people.
inline constexpr char kNamedNetnsDir[] = "/run/netns";

struct NodePaths {
  std::string dir;

  std::string run() const { return dir + "/run"; }
  std::string state() const { return dir + "/state"; }
  std::string bpf() const { return dir + "/bpf"; }
  std::string agent_socket() const { return run() + "/agent.sock"; }
  std::string cni_socket() const { return run() + "/cni.sock"; }
  std::string cni_queue() const { return run() + "/cni-queue"; }
  std::string pods_file() const { return dir + "/pods.json"; }
  std::string pods_dir() const { return dir + "/pods"; }
};

struct Paths {
  explicit Paths(const std::string& lab) : name(lab), dir(absl::StrCat(kLabsDir, "/", lab)) {}

  std::string name;
  std::string dir;

  // Outside of the folder, which comes and goes under it.
  std::string lock() const { return absl::StrCat(kLabLocksDir, "/", name, ".lock"); }
  std::string record() const { return dir + "/lab.json"; }
  std::string kubelet_pid() const { return dir + "/kubelet.pid"; }
  // Holds the pid of the `lab up` at work; gone when the lab was up.
  std::string making_pid() const { return dir + "/making.pid"; }
  std::string components() const { return dir + "/components.json"; }
  std::string logs() const { return dir + "/logs"; }
  std::string log(const std::string& component) const { return absl::StrCat(logs(), "/", component, ".log"); }
  std::string hosts() const { return dir + "/hosts"; }
  std::string manifests() const { return dir + "/manifests"; }
  std::string sources() const { return dir + "/sources.json"; }
  std::string controller_socket() const { return dir + "/controller.sock"; }
  std::string netns_dir() const { return dir + "/netns"; }
  std::string hold(const std::string& component) const { return absl::StrCat(dir, "/hold.", component); }
  // `who`: a node, "outside" or "net".
  std::string netns(const std::string& who) const { return absl::StrCat(netns_dir(), "/", who); }
  std::string netns_name(const std::string& who) const { return absl::StrCat("fl-", name, "-", who); }
  NodePaths node(const std::string& node) const { return {absl::StrCat(dir, "/nodes/", node)}; }
};

}  // namespace fairlead::lab
