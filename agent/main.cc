// fairlead-agent: makes this node's datapath hold what the controller says, and wires its pods.
#include <pthread.h>
#include <signal.h>

#include <chrono>
#include <exception>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "agent/cni/cni_commands.h"
#include "agent/cni/cni_server.h"
#include "agent/cni/release_folder.h"
#include "agent/files.h"
#include "agent/folder_lock.h"
#include "agent/grpc_server.h"
#include "agent/health_reporter.h"
#include "agent/kubernetes/kubernetes_node.h"
#include "agent/monitoring.h"
#include "agent/node/cni_installation.h"
#include "agent/node/kube_proxy.h"
#include "agent/node/node_setup.h"
#include "agent/node/others.h"
#include "agent/node/service_health.h"
#include "agent/node/uninstall.h"
#include "agent/node_agent.h"
#include "agent/options.h"
#include "agent/pods/mirrored_store.h"
#include "agent/pods/pods.h"
#include "agent/sync_client.h"
#include "base/http_server.h"
#include "base/status_macros.h"
#include "spdlog/sinks/stdout_color_sinks.h"
#include "spdlog/spdlog.h"

namespace fairlead::agent {
namespace {

constexpr auto kPluginPatience = std::chrono::seconds(60);

void WaitForEnd() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  int signal = 0;
  sigwait(&signals, &signal);
  spdlog::info("ending on signal {}", signal);
}

// Nothing where the port is taken, which is a condition: pods matter more.
std::unique_ptr<HttpServer> ServeServiceHealth(const Options& options, EventLoop* loop, NodeAgent* agent,
                                               const KubernetesNode* kubernetes) {
  if (options.service_health_listen.empty()) return nullptr;
  auto page = [agent, kubernetes,
               silence_ns = MaxSilenceNs(options.verify_interval_s)](const std::string& path) {
    return ServiceHealthPage({agent->Ready().ok(), agent->applied_ns(), kubernetes->leaving()},
                             SystemClock().WallNs(), silence_ns, path);
  };
  auto listening =
      HttpServer::Listen(options.service_health_listen, "--service-health-listen", loop, std::move(page));
  agent->Note("ServiceHealthServed", listening.status());
  return listening.ok() ? *std::move(listening) : nullptr;
}

absl::Status Serve(Options options) {
  RETURN_IF_ERROR(CheckOptions(options));
  std::optional<CniInstallation> installation;
  if (options.cni.enabled()) {
    ASSIGN_OR_RETURN(installation, CniInstallation::Create(options.cni, options.run_dir));
  }
  RETURN_IF_ERROR(MakeFolder(options.run_dir));
  RETURN_IF_ERROR(MakeFolder(options.state_dir));
  ASSIGN_OR_RETURN(const UniqueFd run_lock, LockFolder(options.run_dir));
  ASSIGN_OR_RETURN(const UniqueFd state_lock, LockFolder(options.state_dir));
  ASSIGN_OR_RETURN(std::unique_ptr<EventLoop> loop, EventLoop::Create());
  ASSIGN_OR_RETURN(std::unique_ptr<datapath::Datapath> datapath, datapath::Datapath::Open(options.datapath));

  NodeAgent agent({.node = options.sync.node,
                   .state_file = options.state_dir + "/last-good",
                   .verify_interval = std::chrono::seconds(options.verify_interval_s)},
                  loop.get(), datapath.get(), &SystemClock());
  agent.LoadState();
  ASSIGN_OR_RETURN(FolderLeaseStore records, FolderLeaseStore::Open(options.state_dir + "/pods"));
  ASSIGN_OR_RETURN(FolderLeaseStore copies, FolderLeaseStore::Open(options.run_dir + "/pods"));
  MirroredLeaseStore store(&records, &copies);
  LeaseTable leases(&store, &SystemClock(),
                    std::chrono::nanoseconds(std::chrono::seconds(options.address_cooldown_s)).count());
  ASSIGN_OR_RETURN(const std::vector<LeaseStore::Damaged> damaged, leases.Load());
  ASSIGN_OR_RETURN(NetlinkLinks links, NetlinkLinks::Open());
  Pods pods({&leases, &links, datapath.get(), &agent, loop.get()},
            std::chrono::seconds(options.policy_wait_s));
  agent.SetEndpoints(&pods);
  RETURN_IF_ERROR(pods.Adopt());
  std::vector<std::string> lost;
  for (const LeaseStore::Damaged& record : damaged) {
    if (!leases.Holds(record.generation)) lost.push_back(record.reason);
  }
  agent.NoteRecords(lost, pods.counters().rebuilt);

  options.sync.version = FAIRLEAD_VERSION;
  std::unique_ptr<KubernetesNode> kubernetes;
  if (options.kubernetes.enabled()) {
    ASSIGN_OR_RETURN(kubernetes, KubernetesNode::Open(options, loop.get(), &agent));
    kubernetes->Complete(&options.sync);
  }
  ASSIGN_OR_RETURN(std::unique_ptr<SyncClient> sync, SyncClient::Create(loop.get(), &agent, options.sync));
  agent.SetUpstream(sync.get());
  agent.Start();
  sync->Start();
  if (kubernetes) kubernetes->Start(sync.get());
  const HealthReporter health(&agent, sync.get(), loop.get());
  CniCommands commands(&agent, &pods);
  ASSIGN_OR_RETURN(auto queue,
                   ReleaseFolder::Open(options.run_dir + "/cni-queue", loop.get(),
                                       [&pods](const std::string& key) { return pods.Release(key); }));
  queue->Replay();
  ASSIGN_OR_RETURN(auto cni,
                   CniServer::Listen(options.run_dir + "/cni.sock", loop.get(), &commands, kPluginPatience));

  NodeSetup setup(loop.get(), &agent, std::move(installation), [&kubernetes] {
    if (kubernetes) kubernetes->MarkNode();
  });
  setup.Start();

  std::unique_ptr<HttpServer> service_health;
  OthersWatch others(loop.get(), &agent);
  if (kubernetes) {
    others.Start();
    service_health = ServeServiceHealth(options, loop.get(), &agent, kubernetes.get());
  }
  std::unique_ptr<HttpServer> http;
  if (!options.metrics_listen.empty()) {
    auto listening = HttpServer::Listen(
        options.metrics_listen, "--metrics-listen", loop.get(),
        [&agent](const std::string& path) { return MonitoringPage(agent, FAIRLEAD_VERSION, path); });
    // Pods matter more than numbers: the node goes on without them, and says so.
    agent.Note("MetricsServed", listening.status());
    if (listening.ok()) http = *std::move(listening);
  }

  std::thread state_thread([&loop] { loop->Run(); });
  auto stop = absl::MakeCleanup([&] {
    loop->Stop();
    state_thread.join();
  });
  ASSIGN_OR_RETURN(auto grpc_server,
                   GrpcServer::Start(options.run_dir + "/agent.sock", FAIRLEAD_VERSION, loop.get(), &agent));
  spdlog::info("fairlead-agent {} of node {} serves {}", FAIRLEAD_VERSION, options.sync.node,
               options.run_dir);
  WaitForEnd();
  spdlog::info("the kernel goes on forwarding");
  // While the loop still runs: its streams end on the loop's thread.
  grpc_server.reset();
  return absl::OkStatus();
}

absl::Status UninstallNode(const Options& options) {
  const UninstallOptions uninstall{.cni = options.cni,
                                   .state_dir = options.state_dir,
                                   .run_dir = options.run_dir,
                                   .datapath = options.datapath,
                                   .patience = std::chrono::seconds(options.uninstall_patience_s)};
  if (options.uninstall_check) return CheckUninstalled(uninstall);
  RETURN_IF_ERROR(Uninstall(uninstall));
  RETURN_IF_ERROR(CheckUninstalled(uninstall));
  spdlog::info("nothing is left on this node");
  return absl::OkStatus();
}

absl::Status CleanKubeProxy() {
  ASSIGN_OR_RETURN(const int removed, RemoveKubeProxyRules());
  spdlog::info("removed {} tables and chains of kube-proxy", removed);
  return absl::OkStatus();
}

absl::Status Run(Options options) {
  switch (options.command) {
    case Options::Command::kUninstall:
      return UninstallNode(options);
    case Options::Command::kCleanKubeProxy:
      return CleanKubeProxy();
    case Options::Command::kServe:
      break;
  }
  return Serve(std::move(options));
}

}  // namespace
}  // namespace fairlead::agent

int main(int argc, char** argv) try {
  // Before any thread is there, so that only sigwait() gets them.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  ::signal(SIGPIPE, SIG_IGN);

  fairlead::agent::Options options;
  CLI::App app;
  fairlead::agent::DeclareOptions(&app, &options);
  CLI11_PARSE(app, argc, argv);
  spdlog::set_default_logger(spdlog::stderr_color_mt("fairlead-agent"));
  spdlog::set_level(spdlog::level::from_str(options.log_level));

  const absl::Status status = fairlead::agent::Run(std::move(options));
  if (status.ok()) return 0;
  std::cerr << "fairlead-agent: " << std::string(status.message()) << "\n";
  return 1;
} catch (const std::exception& error) {
  std::cerr << "fairlead-agent: " << error.what() << "\n";
  return 1;
}
