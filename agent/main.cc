// fairlead-agent: makes this node's datapath hold what the controller says, and wires its pods.
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/file.h>

#include <chrono>
#include <iostream>
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
#include "agent/grpc_server.h"
#include "agent/http_server.h"
#include "agent/node_agent.h"
#include "agent/pods/mirrored_store.h"
#include "agent/pods/pods.h"
#include "agent/sync_client.h"
#include "base/status_macros.h"
#include "spdlog/sinks/stdout_color_sinks.h"
#include "spdlog/spdlog.h"

namespace fairlead::agent {
namespace {

constexpr auto kPluginPatience = std::chrono::seconds(60);

struct Options {
  SyncOptions sync;
  std::string state_dir = "/var/lib/fairlead";
  std::string run_dir = "/run/fairlead";
  datapath::Options datapath;
  std::string metrics_listen = "127.0.0.1:9964";
  uint32_t verify_interval_s = 30;
  uint32_t policy_wait_s = 30;
  uint32_t address_cooldown_s = 30;
  std::string log_level = "info";
};

constexpr char kExamples[] = R"(Examples:
  fairlead-agent --node node-1 --controller unix:/run/fairlead/controller.sock
  fairlead-agent --node "$NODE_NAME" --controller controller.fairlead:9443 \
    --tls-ca ca.pem --tls-cert node-1.pem --tls-key node-1.key --metrics-listen 127.0.0.1:9964
  fairlead-agent --node node-2 --controller unix:/run/c.sock --run-dir /run/node-2 \
    --state-dir /tmp/node-2 --pin-dir /sys/fs/bpf/node-2 --node-device eth0

Ends cleanly on SIGTERM; pods and connections go on without it, under the policy that the kernel holds.)";

void DeclareOptions(CLI::App* app, Options* options) {
  app->description("Makes this node's datapath hold what the controller says, and wires its pods.");
  app->footer(kExamples);
  app->set_version_flag("--version", std::string("fairlead-agent ") + FAIRLEAD_VERSION);
  app->add_option("--node", options->sync.node, "name of this node, as its Node object has it")
      ->required()
      ->type_name("NAME");
  app->add_option("--controller", options->sync.controllers,
                  "unix:/PATH, or HOST:PORT with --tls-*; repeatable, the next is tried when one fails")
      ->required()
      ->type_name("ADDRESS")
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
}

// Held for the life of the process: two agents on one run-dir would fight over sockets and records.
absl::StatusOr<UniqueFd> LockFolder(const std::string& folder) {
  const std::string path = folder + "/agent.lock";
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd.valid()) return ErrnoError(errno, absl::StrCat("create ", path));
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) == 0) return fd;
  return absl::AlreadyExistsError(absl::StrCat(
      "lock ", path, ": another fairlead-agent runs here; stop that one, or give another directory"));
}

void WaitForEnd() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  int signal = 0;
  sigwait(&signals, &signal);
  spdlog::info("ending on signal {}; the kernel goes on forwarding", signal);
}

absl::Status Serve(Options options) {
  RETURN_IF_ERROR(CheckOptions(options.sync));
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
  std::vector<std::string> lost;
  for (const LeaseStore::Damaged& record : damaged) lost.push_back(record.reason);
  agent.NoteRecords(lost);
  ASSIGN_OR_RETURN(NetlinkLinks links, NetlinkLinks::Open());
  Pods pods({&leases, &links, datapath.get(), &agent, loop.get()},
            std::chrono::seconds(options.policy_wait_s));
  agent.SetEndpoints(&pods);
  RETURN_IF_ERROR(pods.Adopt());

  options.sync.version = FAIRLEAD_VERSION;
  ASSIGN_OR_RETURN(std::unique_ptr<SyncClient> sync, SyncClient::Create(loop.get(), &agent, options.sync));
  agent.SetUpstream(sync.get());
  agent.Start();
  sync->Start();
  CniCommands commands(&agent, &pods);
  ASSIGN_OR_RETURN(auto queue,
                   ReleaseFolder::Open(options.run_dir + "/cni-queue", loop.get(),
                                       [&pods](const std::string& key) { return pods.Release(key); }));
  queue->Replay();
  ASSIGN_OR_RETURN(auto cni,
                   CniServer::Listen(options.run_dir + "/cni.sock", loop.get(), &commands, kPluginPatience));

  std::unique_ptr<HttpServer> http;
  if (!options.metrics_listen.empty()) {
    auto listening = HttpServer::Listen(options.metrics_listen, FAIRLEAD_VERSION, loop.get(), &agent);
    // Pods matter more than numbers: the node goes on without them, and says so.
    agent.NoteMetrics(listening.status());
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
  // While the loop still runs: its streams end on the loop's thread.
  grpc_server.reset();
  return absl::OkStatus();
}

}  // namespace
}  // namespace fairlead::agent

int main(int argc, char** argv) {
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

  const absl::Status status = fairlead::agent::Serve(std::move(options));
  if (status.ok()) return 0;
  std::cerr << "fairlead-agent: " << std::string(status.message()) << "\n";
  return 1;
}
