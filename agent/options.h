// What the agent's command line says, checked.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/node/cni_installation.h"
#include "agent/sync_client.h"
#include "datapath/datapath.h"
#include "kube/access.h"

namespace CLI {
class App;
}

namespace fairlead::agent {

// How this agent belongs to a Kubernetes cluster.
struct KubernetesOptions {
  bool in_cluster = false;               // --kubernetes
  std::string kubeconfig;                // or --kubeconfig
  std::vector<std::string> api_servers;  // --api-server
  std::string namespace_name = "kube-system";
  uint16_t controller_port = 9443;
  std::string startup_taint = "fairlead.io/agent-not-ready";  // its key; empty: none is taken off

  bool enabled() const { return in_cluster || !kubeconfig.empty(); }
};

struct Options {
  // What to do: serve, unless a subcommand says something else.
  enum class Command { kServe, kUninstall, kCleanKubeProxy };

  Command command = Command::kServe;
  SyncOptions sync;
  KubernetesOptions kubernetes;
  CniOptions cni;
  std::string state_dir = "/var/lib/fairlead";
  std::string run_dir = "/run/fairlead";
  datapath::Options datapath;
  std::string metrics_listen = "127.0.0.1:9964";
  std::string service_health_listen = "0.0.0.0:10256";
  uint32_t uninstall_patience_s = 60;
  bool uninstall_check = false;  // only say what is left
  uint32_t verify_interval_s = 30;
  uint32_t policy_wait_s = 30;
  uint32_t address_cooldown_s = 30;
  std::string log_level = "info";
};

// `options` must outlive the app.
void DeclareOptions(CLI::App* app, Options* options);

// INVALID_ARGUMENT naming the options that do not fit together; NOT_FOUND for a file that is not there.
absl::Status CheckOptions(const Options& options);

}  // namespace fairlead::agent
