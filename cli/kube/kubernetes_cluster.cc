#include "cli/kube/kubernetes_cluster.h"

#include <stdlib.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <memory>

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "cli/kube/exec_tunnel.h"

namespace fairlead::cli {
namespace {

constexpr int kListTimeoutMs = 15'000;
constexpr int kAskTimeoutMs = 30'000;  // kubectl itself may need seconds to get there

// A folder of the tunnels' sockets, for nobody else.
class Tunnels : public Connections {
 public:
  static absl::StatusOr<std::unique_ptr<Tunnels>> Make() {
    const char* parent = std::getenv("TMPDIR");
    std::string folder = absl::StrCat(parent == nullptr ? "/tmp" : parent, "/fairlead-XXXXXX");
    if (::mkdtemp(folder.data()) == nullptr) return ErrnoError(errno, absl::StrCat("make a folder ", folder));
    return absl::WrapUnique(new Tunnels(folder));
  }
  ~Tunnels() override {
    tunnels_.clear();
    ::rmdir(folder_.c_str());
  }

  absl::StatusOr<IntrospectClient> Open(const Kubectl& kubectl, const FairleadPod& pod,
                                        const std::string& name) {
    const std::string path = absl::StrCat(folder_, "/", tunnels_.size());
    ASSIGN_OR_RETURN(
        std::unique_ptr<ExecTunnel> tunnel,
        ExecTunnel::Open(path, kubectl, pod, absl::StrCat("/run/fairlead/", pod.component, ".sock")));
    tunnels_.push_back(std::move(tunnel));
    return IntrospectClient(Peer{.target = "unix:" + path,
                                 .name = name,
                                 .trouble =
                                     [pod, tunnel = tunnels_.back().get()] {
                                       std::string said = tunnel->LastError();
                                       if (pod.trouble.empty() && said.empty())
                                         return absl::StrCat("pod ", pod.name, " runs, and does not answer");
                                       if (pod.trouble.empty()) return said;
                                       return said.empty() ? pod.trouble
                                                           : absl::StrCat(pod.trouble, "; ", said);
                                     },
                                 .timeout_ms = kAskTimeoutMs,
                                 .connect_timeout_ms = kAskTimeoutMs});
  }

  // Of a pod that cannot be asked.
  IntrospectClient Closed(const FairleadPod& pod, const std::string& name) const {
    return IntrospectClient(Peer{.target = absl::StrCat("unix:", folder_, "/none"),
                                 .name = name,
                                 .trouble = [pod] { return absl::StrCat(pod.name, ": ", pod.trouble); }});
  }

 private:
  explicit Tunnels(std::string folder) : folder_(std::move(folder)) {}

  std::string folder_;
  std::vector<std::unique_ptr<ExecTunnel>> tunnels_;
};

}  // namespace

absl::StatusOr<std::vector<FairleadPod>> FindFairleadPods(const Kubectl& kubectl,
                                                          const std::string& namespace_name) {
  std::vector<std::string> words = {"get", "pods", "--output=json", "--selector", kFairleadSelector};
  words.push_back(namespace_name.empty() ? "--all-namespaces" : "--namespace=" + namespace_name);
  ASSIGN_OR_RETURN(const nlohmann::json list, kubectl.Json(words, kListTimeoutMs));
  std::vector<FairleadPod> pods = ReadFairleadPods(list);
  if (!pods.empty()) return pods;
  return absl::NotFoundError(absl::StrCat("this cluster has no pods of Fairlead in ",
                                          namespace_name.empty() ? "any namespace" : namespace_name,
                                          "; is it the right one (kubectl config current-context)? To "
                                          "install: helm install fairlead helm/fairlead ",
                                          "--namespace kube-system"));
}

absl::StatusOr<Cluster> OpenKubernetesCluster(const Kubectl& kubectl, const std::string& namespace_name) {
  ASSIGN_OR_RETURN(const std::vector<FairleadPod> pods, FindFairleadPods(kubectl, namespace_name));
  ASSIGN_OR_RETURN(std::unique_ptr<Tunnels> tunnels, Tunnels::Make());
  Cluster cluster;
  for (const FairleadPod& pod : pods) {
    const bool agent = pod.component == "agent";
    const std::string& name = agent ? (pod.node.empty() ? pod.name : pod.node) : pod.name;
    std::vector<NodeAgent>& place = agent ? cluster.agents : cluster.controllers;
    if (!pod.running) {
      place.push_back({name, tunnels->Closed(pod, name)});
      continue;
    }
    ASSIGN_OR_RETURN(IntrospectClient client, tunnels->Open(kubectl, pod, name));
    place.push_back({name, std::move(client)});
  }
  cluster.connections = std::move(tunnels);
  return cluster;
}

}  // namespace fairlead::cli
