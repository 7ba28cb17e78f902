// fairlead-load: the one load generator of all network benchmarks, both ends of it.
//
//   fairlead-load serve  --netns /run/netns/b --cpu 1 --address 10.0.0.2 --port 7000
//   fairlead-load client tcp_rr --netns /run/netns/a --cpu 1 --address 10.0.0.2 --port 7000 --seconds 3
//   fairlead-load serve --concurrent ... and: fairlead-load crowd --connections 10000 --new-per-second 2000
//   ...
//
// client and crowd print one JSON object.
#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <exception>
#include <iostream>
#include <string>

#include "base/status_macros.h"
#include "bench/load/client.h"
#include "bench/load/concurrent_server.h"
#include "bench/load/crowd.h"
#include "bench/load/endpoint.h"
#include "bench/load/protocol.h"
#include "bench/load/serial_server.h"

namespace fairlead::bench {
namespace {

struct Arguments {
  std::string netns, cgroup, address = "0.0.0.0", workload;
  uint16_t port = 7000;
  int cpu = -1;
  bool concurrent = false;
  ClientOptions client;
  CrowdOptions crowd;
};

void AddPlace(CLI::App* app, Arguments& arguments) {
  app->add_option("--netns", arguments.netns, "path of the network namespace to run in");
  app->add_option("--cgroup", arguments.cgroup, "cgroup v2 folder to run in");
  app->add_option("--cpu", arguments.cpu, "CPU to run on");
  app->add_option("--address", arguments.address, "server's IP address");
  app->add_option("--port", arguments.port, "server's port");
}

absl::Status Serve(Arguments& arguments) {
  ASSIGN_OR_RETURN(const SocketAddress address, ParseAddress(arguments.address, arguments.port));
  return arguments.concurrent ? ServeConcurrently(address) : ServeSerially(address);
}

absl::Status Measure(Arguments& arguments) {
  ASSIGN_OR_RETURN(arguments.client.server, ParseAddress(arguments.address, arguments.port));
  ASSIGN_OR_RETURN(const ClientResult result, RunClient(arguments.workload, arguments.client));
  std::puts(result.ToJson().c_str());
  return absl::OkStatus();
}

absl::Status HoldCrowd(Arguments& arguments) {
  ASSIGN_OR_RETURN(arguments.crowd.server, ParseAddress(arguments.address, arguments.port));
  ASSIGN_OR_RETURN(const CrowdResult result, RunCrowd(arguments.crowd));
  std::puts(result.ToJson().c_str());
  return absl::OkStatus();
}

using Command = absl::Status (*)(Arguments&);

absl::Status Run(Command command, Arguments& arguments) {
  RETURN_IF_ERROR(JoinCgroup(arguments.cgroup));
  RETURN_IF_ERROR(JoinNetns(arguments.netns));
  RETURN_IF_ERROR(PinToCpu(arguments.cpu));
  return command(arguments);
}

CLI::App* AddServe(CLI::App& app, Arguments& arguments) {
  CLI::App* serve = app.add_subcommand("serve", "answer until killed");
  AddPlace(serve, arguments);
  serve->add_flag("--concurrent", arguments.concurrent, "many clients at once, TCP only");
  return serve;
}

CLI::App* AddClient(CLI::App& app, Arguments& arguments) {
  CLI::App* client = app.add_subcommand("client", "measure one client");
  AddPlace(client, arguments);
  client->add_option("workload", arguments.workload)
      ->required()
      ->check(CLI::IsMember({"tcp_rr", "tcp_crr", "tcp_stream", "udp_rr"}));
  client->add_option("--seconds", arguments.client.seconds)->check(CLI::PositiveNumber);
  client->add_option("--warm-up", arguments.client.warm_up_seconds, "seconds not counted")
      ->check(CLI::NonNegativeNumber);
  client->add_option("--bytes", arguments.client.message_bytes, "of request and response")
      ->check(CLI::Range(1, kMaxMessageBytes));
  return client;
}

CLI::App* AddCrowd(CLI::App& app, Arguments& arguments) {
  CLI::App* crowd = app.add_subcommand("crowd", "hold many connections, open new ones at a steady rate");
  AddPlace(crowd, arguments);
  crowd->add_option("--connections", arguments.crowd.connections)->check(CLI::Range(0, 50'000));
  crowd->add_option("--exchanges-per-second", arguments.crowd.exchanges_per_second, "of each connection")
      ->check(CLI::PositiveNumber);
  crowd->add_option("--new-per-second", arguments.crowd.new_per_second)->check(CLI::NonNegativeNumber);
  crowd->add_option("--seconds", arguments.crowd.seconds)->check(CLI::PositiveNumber);
  return crowd;
}

int Main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  Arguments arguments;
  CLI::App app("Network load with latency histograms");
  app.require_subcommand(1);
  const CLI::App* serve = AddServe(app, arguments);
  const CLI::App* client = AddClient(app, arguments);
  AddCrowd(app, arguments);
  CLI11_PARSE(app, argc, argv);

  const Command command = serve->parsed() ? Serve : client->parsed() ? Measure : HoldCrowd;
  const absl::Status status = Run(command, arguments);
  if (status.ok()) return 0;
  fprintf(stderr, "fairlead-load: %s\n", std::string(status.message()).c_str());
  return 1;
}

}  // namespace
}  // namespace fairlead::bench

int main(int argc, char** argv) try {
  return fairlead::bench::Main(argc, argv);
} catch (const std::exception& error) {
  std::cerr << "fairlead-load: " << error.what() << "\n";
  return 1;
}
