// fairlead-controller: manifests in, per-node state out.
#include <pthread.h>
#include <signal.h>

#include <iostream>
#include <string>
#include <thread>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/status_macros.h"
#include "controller/server/server.h"
#include "spdlog/sinks/stdout_color_sinks.h"
#include "spdlog/spdlog.h"

namespace fairlead::controller {
namespace {

struct Options {
  std::vector<std::string> manifests;
  std::vector<std::string> listen;
  TlsFiles tls;
  std::string routing = "direct";
  std::string service_cidr = "10.96.0.0/16";
  std::string node_port_range = "30000-32767";
  std::vector<std::string> native_cidrs;
  bool masquerade = false;
  bool socket_balancing = true;
  uint32_t vxlan_vni = 1;
  uint16_t vxlan_port = 8472;
  std::string log_level = "info";
};

constexpr char kExamples[] = R"(Examples:
  fairlead-controller --manifests ./shop --listen unix:/run/fairlead/controller.sock
  fairlead-controller --manifests nodes apps --listen unix:/run/c.sock --routing vxlan --masquerade \
    --service-cidr 10.96.0.0/16,fd00:10:96::/112
  fairlead-controller --manifests ./shop --listen 0.0.0.0:9443 \
    --tls-ca ca.pem --tls-cert controller.pem --tls-key controller.key

Folders are flat and watched: *.yaml, *.yml and *.json are read, with several documents a file.
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
  settings.vxlan_vni = options.vxlan_vni;
  settings.vxlan_port = options.vxlan_port;
  settings.masquerade = options.masquerade;
  settings.socket_balancing = options.socket_balancing;
  ASSIGN_OR_RETURN(settings.service_cidrs, ParseServiceCidrs(options.service_cidr));
  RETURN_IF_ERROR(ParseNodePorts(options.node_port_range, &settings));
  for (const std::string& text : options.native_cidrs) {
    absl::StatusOr<IpPrefix> cidr = IpPrefix::Parse(text);
    if (!cidr.ok()) return WrapError(cidr.status(), "--native-cidr");
    settings.native_cidrs.push_back(*cidr);
  }
  return settings;
}

void DeclareOptions(CLI::App* app, Options* options) {
  app->description("Reads Kubernetes manifests and tells each node's agent what its datapath has to hold.");
  app->footer(kExamples);
  app->set_version_flag("--version", std::string("fairlead-controller ") + FAIRLEAD_VERSION);
  app->add_option("--manifests", options->manifests, "folders of manifests")->required()->type_name("DIR...");
  app->add_option("--listen", options->listen, "unix:/PATH, or HOST:PORT with --tls-*; repeatable")
      ->required()
      ->type_name("ADDRESS")
      ->take_all();
  app->add_option("--tls-ca", options->tls.ca, "CA that signs the agents' certificates (PEM)")
      ->type_name("FILE");
  app->add_option("--tls-cert", options->tls.cert, "this controller's certificate (PEM)")->type_name("FILE");
  app->add_option("--tls-key", options->tls.key, "its private key (PEM)")->type_name("FILE");
  app->add_option("--routing", options->routing, "how pods' packets travel between nodes")
      ->check(CLI::IsMember({"direct", "vxlan"}))
      ->capture_default_str();
  app->add_option("--vxlan-vni", options->vxlan_vni, "VXLAN network identifier")
      ->check(CLI::Range(1, (1 << 24) - 1))
      ->capture_default_str();
  app->add_option("--vxlan-port", options->vxlan_port, "UDP port of VXLAN")
      ->check(CLI::Range(1, 65535))
      ->capture_default_str();
  app->add_option("--service-cidr", options->service_cidr, "range(s) for Services' addresses, one a family")
      ->type_name("CIDR[,CIDR]")
      ->capture_default_str();
  app->add_option("--node-port-range", options->node_port_range, "ports for Services of type NodePort")
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

absl::Status Serve(const Options& options) {
  ASSIGN_OR_RETURN(ClusterSettings settings, SettingsFrom(options));
  ASSIGN_OR_RETURN(std::unique_ptr<EventLoop> loop, EventLoop::Create());
  ASSIGN_OR_RETURN(std::unique_ptr<Controller> controller,
                   Controller::Open(options.manifests, settings, SystemClock(), loop.get()));
  ASSIGN_OR_RETURN(std::unique_ptr<Server> server,
                   Server::Start(options.listen, options.tls, loop.get(), controller.get()));

  std::thread owner([&loop] { loop->Run(); });
  spdlog::info("fairlead-controller {} serves {} nodes on {}", FAIRLEAD_VERSION,
               controller->store().cluster().nodes.size(), options.listen.front());
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  int signal = 0;
  sigwait(&signals, &signal);
  spdlog::info("ending on signal {}", signal);
  server.reset();
  loop->Stop();
  owner.join();
  loop->Drain();
  return absl::OkStatus();
}

}  // namespace
}  // namespace fairlead::controller

int main(int argc, char** argv) {
  using fairlead::controller::Options;
  // Before any thread is there, so that only sigwait() gets them.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  ::signal(SIGPIPE, SIG_IGN);

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
}
