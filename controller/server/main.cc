// fairlead-controller: manifests or an API server's objects in, per-node state out.
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "base/http_server.h"
#include "base/status_macros.h"
#include "base/unique_fd.h"
#include "controller/identity/cluster_identity.h"
#include "controller/server/await_uninstall.h"
#include "controller/server/monitoring.h"
#include "controller/server/replica_duties.h"
#include "controller/server/server.h"
#include "kube/access.h"
#include "kube/api_client.h"
#include "spdlog/sinks/stdout_color_sinks.h"
#include "spdlog/spdlog.h"

namespace fairlead::controller {
namespace {

struct Options {
  std::vector<std::string> manifests;
  bool kubernetes = false;
  std::string kubeconfig;
  std::vector<std::string> api_servers;
  std::vector<std::string> listen;
  TlsFiles tls;
  std::string identity = "files";
  std::string namespace_name = "kube-system";
  std::string health_listen;
  std::string routing = "direct";
  std::string service_cidr;
  std::string node_port_range = "30000-32767";
  std::vector<std::string> native_cidrs;
  bool masquerade = false;
  bool socket_balancing = true;
  uint32_t vxlan_vni = 1;
  uint16_t vxlan_port = 8472;
  bool events = true;
  bool status_objects = true;
  std::string log_level = "info";
};

constexpr char kServiceCidr[] = "10.96.0.0/16";

constexpr char kExamples[] = R"(Examples:
  fairlead-controller --manifests ./shop --listen unix:/run/fairlead/controller.sock
  fairlead-controller --manifests nodes apps --listen unix:/run/c.sock --routing vxlan --masquerade \
    --service-cidr 10.96.0.0/16,fd00:10:96::/112
  fairlead-controller --manifests ./shop --listen 0.0.0.0:9443 \
    --tls-ca ca.pem --tls-cert controller.pem --tls-key controller.key
  fairlead-controller --kubernetes --identity kubernetes --namespace "$POD_NAMESPACE" --listen 0.0.0.0:9443
  fairlead-controller await-uninstall --help    what helm uninstall waits for
  fairlead-controller pause                     does nothing until SIGTERM: holds a pod whose work is done
  fairlead-controller --kubeconfig /etc/kubernetes/controller.conf --api-server https://10.0.0.1:6443 \
    --api-server https://10.0.0.2:6443 --listen 0.0.0.0:9443 --tls-ca ca.pem --tls-cert ... --tls-key ...

Where objects come from is one of --manifests, --kubernetes and --kubeconfig. Folders are flat and watched: *.yaml, *.yml and *.json are read, with several documents a file.
Over TLS, an agent's certificate has the common name system:fairlead:node:NODE.)";

absl::StatusOr<std::vector<IpPrefix>> ParseServiceCidrs(const std::string& text) {
  std::vector<IpPrefix> cidrs;
  for (absl::string_view part : absl::StrSplit(text, ',', absl::SkipEmpty())) {
    absl::StatusOr<IpPrefix> cidr = IpPrefix::Parse(part);
    if (!cidr.ok()) return WrapError(cidr.status(), "--service-cidr");
    cidrs.push_back(*cidr);
  }
  bool good =
      cidrs.size() == 1 || (cidrs.size() == 2 && cidrs[0].address().is_v4() != cidrs[1].address().is_v4());
  if (!good) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--service-cidr ", text, ": give one range, or one IPv4 and one IPv6 range with a comma between"));
  }
  return cidrs;
}

absl::Status ParseNodePorts(const std::string& text, ClusterSettings* settings) {
  const std::vector<std::string> parts = absl::StrSplit(text, '-');
  uint32_t first = 0;
  uint32_t last = 0;
  if (parts.size() != 2 || !absl::SimpleAtoi(parts[0], &first) || !absl::SimpleAtoi(parts[1], &last) ||
      first == 0 || first > last || last > 65535) {
    return absl::InvalidArgumentError(
        absl::StrCat("--node-port-range ", text, ": give FIRST-LAST, such as 30000-32767"));
  }
  settings->node_port_first = static_cast<uint16_t>(first);
  settings->node_port_last = static_cast<uint16_t>(last);
  return absl::OkStatus();
}

absl::StatusOr<ClusterSettings> SettingsFrom(const Options& options) {
  ClusterSettings settings;
  settings.routing = options.routing == "vxlan" ? Routing::kVxlan : Routing::kDirect;
  settings.api_server = options.manifests.empty();
  settings.vxlan_vni = options.vxlan_vni;
  settings.vxlan_port = options.vxlan_port;
  settings.masquerade = options.masquerade;
  settings.socket_balancing = options.socket_balancing;
  // Where the API server chooses addresses, a wrong guess of its ranges would cut off what lives there.
  const std::string cidrs =
      options.service_cidr.empty() && !settings.api_server ? kServiceCidr : options.service_cidr;
  if (!cidrs.empty()) {
    ASSIGN_OR_RETURN(settings.service_cidrs, ParseServiceCidrs(cidrs));
  }
  RETURN_IF_ERROR(ParseNodePorts(options.node_port_range, &settings));
  for (const std::string& text : options.native_cidrs) {
    absl::StatusOr<IpPrefix> cidr = IpPrefix::Parse(text);
    if (!cidr.ok()) return WrapError(cidr.status(), "--native-cidr");
    settings.native_cidrs.push_back(*cidr);
  }
  return settings;
}

void DeclareOptions(CLI::App* app, Options* options) {
  app->description(
      "Reads Kubernetes objects, from an API server or a folder of manifests, and tells each node's agent "
      "what its datapath has to hold.");
  app->footer(kExamples);
  app->set_version_flag("--version", std::string("fairlead-controller ") + FAIRLEAD_VERSION);
  CLI::Option_group* source = app->add_option_group("Source of objects");
  source->add_option("--manifests", options->manifests, "folders of manifests")->type_name("DIR...");
  source->add_flag("--kubernetes", options->kubernetes,
                   "the API server of the cluster that this runs in, as its pod's service account");
  source->add_option("--kubeconfig", options->kubeconfig, "the API server of its current context")
      ->type_name("FILE");
  source->require_option(1);
  app->add_option("--api-server", options->api_servers,
                  "https://HOST:PORT to use instead of the one named there; repeatable, the next is used "
                  "when one fails")
      ->excludes("--manifests")
      ->type_name("URL")
      ->take_all();
  app->add_option("--listen", options->listen,
                  "unix:/PATH, or HOST:PORT with --tls-* or --identity kubernetes; repeatable")
      ->required()
      ->type_name("ADDRESS")
      ->take_all();
  app->add_option("--tls-ca", options->tls.ca, "CA that signs the agents' certificates (PEM)")
      ->type_name("FILE");
  app->add_option("--tls-cert", options->tls.cert, "this controller's certificate (PEM)")->type_name("FILE");
  app->add_option("--tls-key", options->tls.key, "its private key (PEM)")->type_name("FILE");
  app->add_option(
         "--identity", options->identity,
         "where certificates come from: files (--tls-*), or kubernetes (a CA that the replicas keep in "
         "Secret fairlead-ca; agents get theirs by their service account's token)")
      ->check(CLI::IsMember({"files", "kubernetes"}))
      ->capture_default_str();
  app->add_option("--namespace", options->namespace_name,
                  "namespace of this program and of the agents; with --identity kubernetes")
      ->type_name("NAME")
      ->capture_default_str();
  app->add_option("--health-listen", options->health_listen,
                  "HTTP for /healthz, /readyz and /metrics, such as 127.0.0.1:9965; none without it")
      ->type_name("ADDRESS:PORT");
  app->add_option(
         "--events", options->events,
         "write what is refused, cannot be held or is served by nobody as Events of the objects; not "
         "with --manifests")
      ->type_name("BOOL")
      ->capture_default_str();
  app->add_option("--status-objects", options->status_objects,
                  "keep FairleadNode and FairleadRealisation objects, which say how nodes are and where "
                  "policies and Services are in force; with --identity kubernetes")
      ->type_name("BOOL")
      ->capture_default_str();
  app->add_option("--routing", options->routing, "how pods' packets travel between nodes")
      ->check(CLI::IsMember({"direct", "vxlan"}))
      ->capture_default_str();
  app->add_option("--vxlan-vni", options->vxlan_vni, "VXLAN network identifier")
      ->check(CLI::Range(1, (1 << 24) - 1))
      ->capture_default_str();
  app->add_option("--vxlan-port", options->vxlan_port, "UDP port of VXLAN")
      ->check(CLI::Range(1, 65535))
      ->capture_default_str();
  app->add_option("--service-cidr", options->service_cidr,
                  "range(s) of Services' addresses, one a family: with --manifests Services get theirs from "
                  "there (default 10.96.0.0/16); what no Service has there is refused to pods and nodes")
      ->type_name("CIDR[,CIDR]");
  app->add_option("--node-port-range", options->node_port_range,
                  "ports for Services of type NodePort; with --manifests")
      ->type_name("FIRST-LAST")
      ->capture_default_str();
  app->add_flag("--masquerade", options->masquerade, "give pods' traffic to outside the node's address");
  app->add_option("--native-cidr", options->native_cidrs,
                  "range that pods reach under their own address; repeatable")
      ->type_name("CIDR");
  app->add_option("--socket-balancing", options->socket_balancing,
                  "balance processes' connections at connect()")
      ->type_name("BOOL")
      ->capture_default_str();
  app->add_option("--log-level", options->log_level)
      ->check(CLI::IsMember({"debug", "info", "warn", "error"}))
      ->capture_default_str();
}

// Longer than agents wait at most between two tries to connect (sync_client.h).
constexpr std::chrono::seconds kPatienceWithNodes{15};

absl::StatusOr<std::unique_ptr<Controller>> OpenController(const Options& options,
                                                           const ClusterSettings& settings, EventLoop* loop) {
  if (!settings.api_server) {
    ASSIGN_OR_RETURN(std::unique_ptr<Controller> controller,
                     Controller::Open(options.manifests, settings, SystemClock(), loop));
    controller->hub().WaitForNodes();
    loop->After(kPatienceWithNodes, [hub = &controller->hub()] {
      const std::set<std::string> missing = hub->AwaitedNodes();
      if (missing.empty()) return;
      spdlog::warn("not connected: {}; until they are, nobody is told the addresses of their pods",
                   absl::StrJoin(missing, ", "));
      hub->EndWait();
    });
    return controller;
  }
  ASSIGN_OR_RETURN(kube::ApiAccess access, kube::OpenAccess(options.kubeconfig, options.api_servers));
  return Controller::OpenKubernetes(std::move(access), settings, loop);
}

// The process's signals as a descriptor; they are blocked since main().
absl::StatusOr<UniqueFd> OpenSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  UniqueFd fd(::signalfd(-1, &signals, SFD_CLOEXEC));
  if (!fd.valid()) return ErrnoError(errno, "create a signalfd");
  return fd;
}

// Waits for a signal, or for the first readable `event` (-1: none). True: a signal came.
bool WaitForSignal(const UniqueFd& signals, int event) {
  std::vector<pollfd> fds = {{signals.get(), POLLIN, 0}, {event, POLLIN, 0}};
  while (::poll(fds.data(), fds.size(), -1) < 0 && errno == EINTR) continue;
  return fds[0].revents != 0;
}

// The cluster's certificates, and how the API server is asked about them.
struct Certificates {
  std::unique_ptr<kube::ApiClient> api;
  std::shared_ptr<HeldTls> tls = std::make_shared<HeldTls>();
  std::unique_ptr<ClusterIdentity> identity;  // none: they are files
};

absl::StatusOr<Certificates> OpenCertificates(const Options& options, EventLoop* loop) {
  Certificates certificates;
  if (options.identity != "kubernetes") return certificates;
  if (!options.manifests.empty()) {
    return absl::InvalidArgumentError(
        "--identity kubernetes needs an API server: give --kubernetes or --kubeconfig instead of "
        "--manifests");
  }
  ASSIGN_OR_RETURN(kube::ApiAccess access, kube::OpenAccess(options.kubeconfig, options.api_servers));
  ASSIGN_OR_RETURN(certificates.api, kube::ApiClient::Start(std::move(access), loop));
  certificates.identity = std::make_unique<ClusterIdentity>(
      [api = certificates.api.get()](kube::ApiRequest request, kube::ApiClient::Done done) {
        api->Call(std::move(request), std::move(done));
      },
      options.namespace_name, &SystemClock(), loop, certificates.tls);
  return certificates;
}

// The port of the first address that is no unix socket; 0: there is none.
uint16_t PortOf(const std::vector<std::string>& listen) {
  for (const std::string& address : listen) {
    uint32_t port = 0;
    if (!absl::StartsWith(address, "unix:") &&
        absl::SimpleAtoi(address.substr(address.rfind(':') + 1), &port))
      return static_cast<uint16_t>(port);
  }
  return 0;
}

// Nothing: there is no API server to write at.
absl::StatusOr<std::unique_ptr<ReplicaDuties>> OpenDuties(const Options& options, Controller* controller,
                                                          const Certificates& certificates, EventLoop* loop) {
  if (!options.manifests.empty()) return nullptr;
  // Replicas know each other by the cluster's certificates.
  const bool has_peers = certificates.identity != nullptr;
  ASSIGN_OR_RETURN(kube::ApiAccess access, kube::OpenAccess(options.kubeconfig, options.api_servers));
  char host[256] = "fairlead-controller";
  ::gethostname(host, sizeof(host) - 1);
  const char* pod = std::getenv("POD_NAME");
  return ReplicaDuties::Start(
      {.events = options.events,
       .status_objects = options.status_objects && has_peers,
       .peers = has_peers,
       .self = {.namespace_name = options.namespace_name,
                .pod = pod != nullptr ? pod : host,
                .port = PortOf(options.listen)}},
      std::move(access), controller,
      [identity = certificates.identity.get()] {
        return identity != nullptr ? identity->peer_texts() : TlsTexts{};
      },
      loop);
}

absl::StatusOr<Listening> ListeningFrom(const Options& options, const Certificates& certificates) {
  Listening listening{.addresses = options.listen};
  if (certificates.identity != nullptr) {
    listening.tls = certificates.tls;
    listening.signer = &certificates.identity->signer();
    listening.identity = certificates.identity.get();
    return listening;
  }
  const TlsFiles& files = options.tls;
  if (files.complete()) {
    ASSIGN_OR_RETURN(listening.tls, TlsFileSource::Open(files));
  } else if (!files.ca.empty() || !files.cert.empty() || !files.key.empty()) {
    return absl::InvalidArgumentError("give all three of --tls-ca, --tls-cert and --tls-key, or none");
  }
  return listening;
}

absl::StatusOr<std::unique_ptr<HttpServer>> ServeHealth(const Options& options, EventLoop* loop,
                                                        const Monitored* monitored) {
  if (options.health_listen.empty()) return nullptr;
  return HttpServer::Listen(
      options.health_listen, "--health-listen", loop, [monitored](const std::string& path) {
        return MonitoringPage(*monitored, path, absl::FromUnixNanos(SystemClock().WallNs()));
      });
}

absl::Status ServeUntilSignal(const Options& options, const Listening& listening, EventLoop* loop,
                              Controller* controller, Monitored* monitored, const UniqueFd& signals) {
  ASSIGN_OR_RETURN(std::unique_ptr<Server> server, Server::Start(listening, loop, controller));
  loop->Post([monitored] { monitored->serving = true; });
  spdlog::info("fairlead-controller {} serves on {}", FAIRLEAD_VERSION, options.listen.front());
  WaitForSignal(signals, -1);
  spdlog::info("ending on a signal");
  return absl::OkStatus();
}

absl::Status Serve(const Options& options) {
  ASSIGN_OR_RETURN(ClusterSettings settings, SettingsFrom(options));
  ASSIGN_OR_RETURN(UniqueFd signals, OpenSignals());
  ASSIGN_OR_RETURN(std::unique_ptr<EventLoop> loop, EventLoop::Create());
  ASSIGN_OR_RETURN(std::unique_ptr<Controller> controller, OpenController(options, settings, loop.get()));

  ASSIGN_OR_RETURN(const Certificates certificates, OpenCertificates(options, loop.get()));
  ASSIGN_OR_RETURN(const std::unique_ptr<ReplicaDuties> duties,
                   OpenDuties(options, controller.get(), certificates, loop.get()));
  ASSIGN_OR_RETURN(const Listening listening, ListeningFrom(options, certificates));
  Monitored monitored{
      .controller = controller.get(), .identity = certificates.identity.get(), .duties = duties.get()};
  ASSIGN_OR_RETURN(const std::unique_ptr<HttpServer> health, ServeHealth(options, loop.get(), &monitored));

  // Agents find nobody here before there is something to tell them: an agent that connected earlier
  // would be told that its node does not exist.
  UniqueFd ready(::eventfd(0, EFD_CLOEXEC));
  if (!ready.valid()) return ErrnoError(errno, "create an eventfd");
  bool has_certificate = certificates.identity == nullptr;
  auto announce = [&] {
    if (!controller->synced() || !has_certificate) return;
    uint64_t one = 1;
    [[maybe_unused]] ssize_t written = ::write(ready.get(), &one, sizeof(one));
  };
  announce();
  uint64_t watcher = controller->OnChange(announce);
  if (certificates.identity != nullptr) {
    certificates.identity->Start([&] {
      has_certificate = true;
      announce();
    });
  }

  std::thread owner([&loop] { loop->Run(); });
  absl::Status status;
  if (!WaitForSignal(signals, ready.get())) {
    loop->Post([&] { controller->StopOnChange(watcher); });
    status = ServeUntilSignal(options, listening, loop.get(), controller.get(), &monitored, signals);
  }
  loop->Stop();
  owner.join();
  loop->Drain();
  return status;
}

}  // namespace
}  // namespace fairlead::controller

int main(int argc, char** argv) try {
  using fairlead::controller::Options;
  const std::string command = argc > 1 ? argv[1] : "";
  if (command == "await-uninstall") return fairlead::controller::AwaitUninstallMain(argc - 1, argv + 1);
  // Before any thread is there, so that only sigwait() gets them.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  if (command == "pause") {
    int signal = 0;
    return sigwait(&signals, &signal);
  }

  Options options;
  CLI::App app;
  fairlead::controller::DeclareOptions(&app, &options);
  CLI11_PARSE(app, argc, argv);
  spdlog::set_default_logger(spdlog::stderr_color_mt("fairlead-controller"));
  spdlog::set_level(spdlog::level::from_str(options.log_level));

  absl::Status status = fairlead::controller::Serve(options);
  if (status.ok()) return 0;
  std::cerr << "fairlead-controller: " << status.message() << "\n";
  return 1;
} catch (const std::exception& error) {
  std::cerr << "fairlead-controller: " << error.what() << "\n";
  return 1;
}
