// fairlead-program-cost: what the eBPF program on a pod's device costs a packet (BPF_PROG_TEST_RUN on
// the program and maps that are live), an empty program's cost subtracted.
//
//   fairlead-program-cost established --flows 1000000 --netns /run/netns/node ...
//       --client flp1 10.244.1.2 MAC HOST_MAC --server flp2 10.244.1.3 MAC HOST_MAC
//   fairlead-program-cost denied --port 5001 ...
#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/ip.h"
#include "base/status_macros.h"
#include "bench/load/endpoint.h"
#include "bench/program/cost.h"
#include "fairlead_floor.skel.h"

namespace fairlead::bench {
namespace {

struct Arguments {
  std::string netns;
  int cpu = -1;
  std::vector<std::string> client, server;  // device, address, MAC of the pod, MAC of the host's end
  EstablishedOptions established;
  bool udp = false;
  uint16_t port = 5001;
};

absl::StatusOr<Mac> ParseMac(const std::string& text) {
  Mac mac;
  if (std::sscanf(text.c_str(), "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &mac[0], &mac[1], &mac[2], &mac[3], &mac[4],
                  &mac[5]) != 6) {
    return absl::InvalidArgumentError(absl::StrCat("'", text, "' is not a MAC address"));
  }
  return mac;
}

absl::StatusOr<FramePath> PathOf(const std::vector<std::string>& from, const std::vector<std::string>& to) {
  ASSIGN_OR_RETURN(const IpAddress source, IpAddress::Parse(from[1]));
  ASSIGN_OR_RETURN(const IpAddress destination, IpAddress::Parse(to[1]));
  if (!source.is_v4() || !destination.is_v4())
    return absl::InvalidArgumentError("pods' addresses must be IPv4");
  FramePath path{.source = source.v4(), .destination = destination.v4()};
  ASSIGN_OR_RETURN(path.source_mac, ParseMac(from[2]));
  ASSIGN_OR_RETURN(path.destination_mac, ParseMac(from[3]));
  return path;
}

struct Destroy {
  void operator()(fairlead_floor* skeleton) const { fairlead_floor::destroy(skeleton); }
};

absl::StatusOr<UniqueFd> EmptyProgram() {
  const std::unique_ptr<fairlead_floor, Destroy> floor(fairlead_floor::open_and_load());
  if (floor == nullptr) return ErrnoError(errno, "load the empty program");
  return UniqueFd(dup(bpf_program__fd(floor->progs.floor_empty)));
}

absl::Status Run(const Arguments& arguments, bool denied) {
  RETURN_IF_ERROR(JoinNetns(arguments.netns));
  RETURN_IF_ERROR(PinToCpu(arguments.cpu));
  ASSIGN_OR_RETURN(UniqueFd empty, EmptyProgram());
  ASSIGN_OR_RETURN(Device client, Device::Open(arguments.client[0]));
  ASSIGN_OR_RETURN(Device server, Device::Open(arguments.server[0]));
  const Device floor = client.With(std::move(empty));
  ASSIGN_OR_RETURN(const FramePath forth, PathOf(arguments.client, arguments.server));
  ASSIGN_OR_RETURN(const FramePath back, PathOf(arguments.server, arguments.client));
  const Pods pods{std::move(client), std::move(server), forth, back};
  ASSIGN_OR_RETURN(const Cost cost,
                   denied ? CostOfDenied(pods, floor, arguments.port, arguments.established.packets)
                          : CostOfEstablished(pods, floor, arguments.established));
  std::puts(cost.ToJson().c_str());
  return absl::OkStatus();
}

int Main(int argc, char** argv) {
  Arguments arguments;
  CLI::App app("Cost of the program on a pod's device");
  app.require_subcommand(1);
  app.fallthrough();
  app.add_option("--netns", arguments.netns, "path of the node's namespace");
  app.add_option("--cpu", arguments.cpu, "CPU to run on");
  app.add_option("--client", arguments.client, "device, address, MAC, MAC of the host's end")
      ->expected(4)
      ->required();
  app.add_option("--server", arguments.server, "likewise")->expected(4)->required();
  app.add_option("--packets", arguments.established.packets)->check(CLI::PositiveNumber);
  CLI::App* established = app.add_subcommand("established", "packets of established connections");
  established->add_option("--flows", arguments.established.flows)->check(CLI::Range(1, 3'000'000));
  established->add_flag("--udp", arguments.udp);
  CLI::App* denied = app.add_subcommand("denied", "packets that policy drops");
  denied->add_option("--port", arguments.port, "that no rule allows");
  CLI11_PARSE(app, argc, argv);
  if (arguments.udp) arguments.established.protocol = 17;

  const absl::Status status = Run(arguments, denied->parsed());
  if (status.ok()) return 0;
  fprintf(stderr, "fairlead-program-cost: %s\n", std::string(status.message()).c_str());
  return 1;
}

}  // namespace
}  // namespace fairlead::bench

int main(int argc, char** argv) try {
  return fairlead::bench::Main(argc, argv);
} catch (const std::exception& error) {
  std::cerr << "fairlead-program-cost: " << error.what() << "\n";
  return 1;
}
