// fairlead-prober: sees from outside when the datapath's answer changes.
//
//   fairlead-prober verdict --client-netns A --server-netns B --address 10.244.1.7
//   fairlead-prober connect --netns A --address 10.244.2.9 --port 7000
#include <CLI/CLI.hpp>
#include <cinttypes>
#include <cstdio>
#include <exception>
#include <iostream>
#include <string>

#include "base/status_macros.h"
#include "bench/load/endpoint.h"
#include "bench/probe/first_connection.h"
#include "bench/probe/verdict.h"

namespace fairlead::bench {
namespace {

absl::Status Connect(const FirstConnectionOptions& options) {
  ASSIGN_OR_RETURN(const int64_t at, AwaitFirstConnection(options));
  std::printf("connected %" PRId64 "\n", at);
  return absl::OkStatus();
}

int Main(int argc, char** argv) {
  CLI::App app("See when packets begin or cease to pass");
  app.require_subcommand(1);
  int cpu = -1;
  app.add_option("--cpu", cpu, "CPU to run on");
  VerdictOptions verdict;
  CLI::App* watch = app.add_subcommand("verdict", "print every change of what happens to a datagram");
  watch->add_option("--client-netns", verdict.client_netns)->required();
  watch->add_option("--server-netns", verdict.server_netns)->required();
  watch->add_option("--address", verdict.address)->required();
  watch->add_option("--port", verdict.port);
  watch->add_option("--interval-us", verdict.interval_us)->check(CLI::PositiveNumber);
  FirstConnectionOptions first;
  CLI::App* connect = app.add_subcommand("connect", "print when a connection can first be made");
  connect->add_option("--netns", first.netns)->required();
  connect->add_option("--address", first.address)->required();
  connect->add_option("--port", first.port);
  CLI11_PARSE(app, argc, argv);

  absl::Status status = PinToCpu(cpu);
  if (status.ok()) status = watch->parsed() ? WatchVerdict(verdict) : Connect(first);
  if (status.ok()) return 0;
  fprintf(stderr, "fairlead-prober: %s\n", std::string(status.message()).c_str());
  return 1;
}

}  // namespace
}  // namespace fairlead::bench

int main(int argc, char** argv) try {
  return fairlead::bench::Main(argc, argv);
} catch (const std::exception& error) {
  std::cerr << "fairlead-prober: " << error.what() << "\n";
  return 1;
}
