#include "agent/options.h"

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"

namespace fairlead::agent {
namespace {

constexpr char kExamples[] = R"(Examples:
  fairlead-agent --node node-1 --controller unix:/run/fairlead/controller.sock
  fairlead-agent --node "$NODE_NAME" --controller controller.fairlead:9443 \
    --tls-ca ca.pem --tls-cert node-1.pem --tls-key node-1.key --metrics-listen 127.0.0.1:9964
  fairlead-agent --node "$NODE_NAME" --kubernetes --namespace kube-system \
    --api-server https://10.0.0.1:6443 --api-server https://10.0.0.2:6443 \
    --cni-bin-dir /opt/cni/bin --cni-conf-dir /etc/cni/net.d
  fairlead-agent uninstall --cni-bin-dir /opt/cni/bin --cni-conf-dir /etc/cni/net.d
  fairlead-agent --node node-2 --controller unix:/run/c.sock --run-dir /run/node-2 \
    --state-dir /tmp/node-2 --pin-dir /sys/fs/bpf/node-2 --node-device eth0

Ends cleanly on SIGTERM; pods and connections go on without it, under the policy that the kernel holds.)";

// What is not serving needs no node and no controller.
void DeclareCommands(CLI::App* app, CLI::Option* node, CLI::Option_group* source, Options* options) {
  CLI::App* uninstall = app->add_subcommand(
      "uninstall",
      "Take back everything on this node: CNI configuration, programs, maps, pods' links, settings, records. "
      "Pods here lose their network. The agent must have been stopped. Takes the options --state-dir, "
      "--run-dir, --pin-dir and --cni-*.");
  uninstall->add_option("--wait", options->uninstall_patience_s, "seconds for an agent that is about to end")
      ->capture_default_str();
  uninstall->add_flag("--check", options->uninstall_check, "only say whether anything is left, and what");
  CLI::App* clean = app->add_subcommand(
      "clean-kube-proxy", "Take away the rules that a kube-proxy, which must have been stopped, has left.");
  const std::pair<CLI::App*, Options::Command> commands[] = {{uninstall, Options::Command::kUninstall},
                                                             {clean, Options::Command::kCleanKubeProxy}};
  for (const auto& [subcommand, command] : commands) {
    subcommand->fallthrough();
    subcommand->preparse_callback([=, command = command](size_t) {
      options->command = command;
      node->required(false);
      source->require_option(0);
    });
  }
  app->require_subcommand(0, 1);
}

}  // namespace

void DeclareOptions(CLI::App* app, Options* options) {
  app->description("Makes this node's datapath hold what the controller says, and wires its pods.");
  app->footer(kExamples);
  app->set_version_flag("--version", std::string("fairlead-agent ") + FAIRLEAD_VERSION);
  CLI::Option* node =
      app->add_option("--node", options->sync.node, "name of this node, as its Node object has it");
  node->required()->type_name("NAME");
  CLI::Option_group* source = app->add_option_group("Where the controller is");
  source
      ->add_option("--controller", options->sync.controllers,
                   "unix:/PATH, or HOST:PORT with --tls-*; repeatable, the next is tried when one fails")
      ->type_name("ADDRESS")
      ->take_all();
  source->add_flag("--kubernetes", options->kubernetes.in_cluster,
                   "ask the API server of the cluster that this runs in, as its pod's service account");
  source
      ->add_option("--kubeconfig", options->kubernetes.kubeconfig,
                   "ask the API server of its current context")
      ->type_name("FILE");
  source->require_option(1);
  app->add_option("--api-server", options->kubernetes.api_servers,
                  "https://HOST:PORT to use instead of the one named there; repeatable, the next is used "
                  "when one fails")
      ->excludes("--controller")
      ->type_name("URL")
      ->take_all();
  app->add_option("--namespace", options->kubernetes.namespace_name,
                  "namespace of the controller's pods; with --kubernetes")
      ->type_name("NAME")
      ->capture_default_str();
  app->add_option("--controller-port", options->kubernetes.controller_port,
                  "port on which the controller's pods listen; with --kubernetes")
      ->check(CLI::Range(1, 65535))
      ->capture_default_str();
  app->add_option(
         "--startup-taint", options->kubernetes.startup_taint,
         "key of the taint that is taken off this node when it takes pods, with --kubernetes; \"\" for "
         "none")
      ->type_name("KEY")
      ->capture_default_str();
  app->add_option("--cni-bin-dir", options->cni.bin_dir,
                  "folder of the container runtime's CNI plugins, to install fairlead-cni into")
      ->type_name("DIR");
  app->add_option("--cni-conf-dir", options->cni.conf_dir,
                  "folder of its network configurations, to write 05-fairlead.conflist into when pods can be "
                  "served")
      ->type_name("DIR");
  app->add_option("--cni-binary", options->cni.binary,
                  "fairlead-cni to install. Default: the one beside this")
      ->type_name("FILE");
  app->add_option("--cni-chained-plugin", options->cni.chained_plugins,
                  "CNI plugin to run after ours, such as '{\"type\": \"bandwidth\", \"capabilities\": "
                  "{\"bandwidth\": true}}'; repeatable")
      ->type_name("JSON")
      ->take_all();
  app->add_option("--tls-ca", options->sync.tls_ca, "CA that signs the controller's certificate (PEM)")
      ->type_name("FILE");
  app->add_option("--tls-cert", options->sync.tls_cert, "this node's certificate (PEM)")->type_name("FILE");
  app->add_option("--tls-key", options->sync.tls_key, "its private key (PEM)")->type_name("FILE");
  app->add_option("--state-dir", options->state_dir, "what must outlive a reboot: addresses, last good state")
      ->type_name("DIR")
      ->capture_default_str();
  app->add_option("--run-dir", options->run_dir, "cni.sock, agent.sock and cni-queue/")
      ->type_name("DIR")
      ->capture_default_str();
  app->add_option("--pin-dir", options->datapath.pin_dir, "folder on a bpffs for maps and links")
      ->type_name("DIR")
      ->capture_default_str();
  app->add_option("--cgroup-dir", options->datapath.cgroup_dir,
                  "cgroup v2 whose processes get socket-level balancing; none without it")
      ->type_name("DIR");
  app->add_option(
         "--node-device", options->datapath.node_devices,
         "device that leads to other nodes and outside; repeatable. Default: those with a node address")
      ->type_name("DEV");
  app->add_option("--max-connections", options->datapath.max_connections, "connections tracked at most")
      ->check(CLI::Range(1024, 1 << 24))
      ->capture_default_str();
  app->add_option("--metrics-listen", options->metrics_listen,
                  "HTTP for /metrics, /healthz and /readyz; \"\" for none")
      ->type_name("ADDRESS:PORT")
      ->capture_default_str();
  app->add_option(
         "--service-health-listen", options->service_health_listen,
         "HTTP for load balancers, with --kubernetes: /healthz and /livez as kube-proxy answers them; "
         "\"\" for none")
      ->type_name("ADDRESS:PORT")
      ->capture_default_str();
  app->add_option("--verify-interval", options->verify_interval_s,
                  "seconds between comparisons of the kernel with what it should hold")
      ->check(CLI::Range(1, 86400))
      ->capture_default_str();
  app->add_option("--policy-wait", options->policy_wait_s,
                  "seconds that a new pod waits for its policy before its ADD fails")
      ->check(CLI::Range(1, 600))
      ->capture_default_str();
  app->add_option("--address-cooldown", options->address_cooldown_s,
                  "seconds before a pod's address is given to another pod")
      ->check(CLI::Range(0, 86400))
      ->capture_default_str();
  app->add_option("--log-level", options->log_level)
      ->check(CLI::IsMember({"debug", "info", "warn", "error"}))
      ->capture_default_str();
  DeclareCommands(app, node, source, options);
}

absl::Status CheckOptions(const Options& options) {
  if (!options.kubernetes.enabled()) return CheckOptions(options.sync);
  if (options.kubernetes.namespace_name.empty()) {
    return absl::InvalidArgumentError("--namespace: is empty; give the namespace of the controller's pods");
  }
  const SyncOptions& sync = options.sync;
  // None of them: the controllers sign a certificate.
  const bool none = sync.tls_ca.empty() && sync.tls_cert.empty() && sync.tls_key.empty();
  return none ? absl::OkStatus() : CheckOptions(sync);
}

}  // namespace fairlead::agent
