// fairlead-probe: answers as a server and asks as a client, to find out what the network lets through.
#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <fstream>
#include <iostream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/unique_fd.h"
#include "cli/probe/attempt.h"
#include "cli/probe/server.h"
#include "cli/probe/stream.h"

namespace fairlead::probe {
namespace {

using nlohmann::json;

constexpr int kUsage = 64;  // EX_USAGE: apart from every Result

// Readable once SIGINT or SIGTERM came.
UniqueFd StopSignals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  sigprocmask(SIG_BLOCK, &set, nullptr);
  return UniqueFd(signalfd(-1, &set, SFD_CLOEXEC));
}

// Readable when one of the two is.
UniqueFd EitherOf(int first, int second) {
  UniqueFd both(epoll_create1(EPOLL_CLOEXEC));
  for (const int fd : {first, second}) {
    epoll_event event{.events = EPOLLIN, .data = {.fd = fd}};
    epoll_ctl(both.get(), EPOLL_CTL_ADD, fd, &event);
  }
  return both;
}

std::string HostName() {
  char name[256] = {};
  gethostname(name, sizeof name - 1);
  return name;
}

Hosts MachineHosts() {
  std::ifstream file("/etc/hosts");
  return ParseHosts(std::string(std::istreambuf_iterator<char>(file), {}));
}

struct Flags {
  std::vector<std::string> listens;
  std::string name;
  std::string target;
  bool ipv4 = false;
  bool ipv6 = false;
  bool udp = false;
  AttemptOptions attempt;
  int count = 1;
  int interval_ms = 0;
  StreamOptions stream;
  double duration_s = 5;
  bool until_eof = false;
  bool samples = false;
  std::string output = "text";

  bool json_output() const { return output == "json"; }
};

int Complain(const absl::Status& status) {
  std::cerr << "fairlead-probe: " << status.message() << "\n";
  return absl::IsInvalidArgument(status) ? kUsage : static_cast<int>(Result::kLocalError);
}

absl::StatusOr<Target> TargetOf(const Flags& flags) {
  const Family family = flags.ipv4 ? Family::kIpv4 : flags.ipv6 ? Family::kIpv6 : Family::kAny;
  auto target = ParseTarget(flags.target, MachineHosts(), family);
  if (target.ok() && flags.udp) target->protocol = Protocol::kUdp;
  return target;
}

json ToJson(const Target& target, const Outcome& outcome) {
  return {{"target", ToString(target)},     {"result", ToString(outcome.result)}, {"host", outcome.host},
          {"seenAs", outcome.seen_as},      {"answer", outcome.answer},           {"detail", outcome.detail},
          {"latencyMs", outcome.latency_ms}};
}

int Serve(const Flags& flags) {
  std::vector<Listen> listens;
  for (const std::string& text : flags.listens) {
    auto listen = ParseListen(text);
    if (!listen.ok()) return Complain(listen.status());
    listens.push_back(*listen);
  }
  const UniqueFd stop = StopSignals();
  auto server = Server::Open(listens, flags.name.empty() ? HostName() : flags.name);
  if (!server.ok()) return Complain(server.status());
  for (const std::string& left_out : server->left_out())
    std::cerr << "fairlead-probe: left out " << left_out << "\n";
  if (const absl::Status status = server->Run(stop.get()); !status.ok()) return Complain(status);
  return 0;
}

int Connect(const Flags& flags) {
  const auto target = TargetOf(flags);
  if (!target.ok()) return Complain(target.status());
  std::map<std::string, int> hosts;
  json all = json::array();
  Outcome worst{.result = Result::kOk};
  for (int i = 0; i < flags.count; ++i) {
    if (i > 0) ::usleep(static_cast<useconds_t>(flags.interval_ms) * 1000);
    const Outcome outcome = Probe({*target}, flags.attempt)[0];
    if (outcome.result != Result::kOk) worst = outcome;
    if (!outcome.host.empty()) hosts[outcome.host]++;
    if (flags.json_output()) {
      all.push_back(ToJson(*target, outcome));
    } else if (flags.count == 1) {
      std::printf("%s: %s", ToString(*target).c_str(), ToString(outcome.result));
      if (!outcome.host.empty())
        std::printf(", %s answered, saw %s", outcome.host.c_str(), outcome.seen_as.c_str());
      if (!outcome.detail.empty()) std::printf(" (%s)", outcome.detail.c_str());
      std::printf(", %.2f ms\n", outcome.latency_ms);
    }
  }
  if (flags.json_output()) {
    std::cout << (flags.count == 1 ? all[0] : all).dump() << "\n";
  } else if (flags.count > 1) {
    for (const auto& [host, count] : hosts) std::printf("%6d  %s\n", count, host.c_str());
    if (worst.result != Result::kOk) std::printf("failed: %s\n", ToString(worst.result));
  }
  return static_cast<int>(worst.result);
}

int Stream(Flags flags) {
  const auto target = TargetOf(flags);
  if (!target.ok()) return Complain(target.status());
  flags.stream.duration_ms = static_cast<int>(flags.duration_s * 1000);
  const UniqueFd signals = StopSignals();
  const UniqueFd stop =
      flags.until_eof ? EitherOf(signals.get(), STDIN_FILENO) : UniqueFd(dup(signals.get()));
  const StreamReport report = RunStream(*target, flags.stream, stop.get());
  if (flags.json_output()) {
    json samples = json::array();
    if (flags.samples) {
      for (const StreamSample& sample : report.samples)
        samples.push_back({sample.sent_ns, sample.latency_ms});
    }
    std::cout << json{{"target", ToString(*target)},
                      {"sent", report.sent},
                      {"answered", report.answered},
                      {"lost", report.lost},
                      {"longestGapMs", report.longest_gap_ms},
                      {"p50Ms", report.p50_ms},
                      {"p99Ms", report.p99_ms},
                      {"maxMs", report.max_ms},
                      {"hosts", report.hosts},
                      {"failures", report.failures},
                      {"samples", samples},
                      {"end", ToString(report.end)},
                      {"detail", report.detail}}
                     .dump()
              << "\n";
  } else {
    std::printf(
        "%lu sent, %lu answered, %lu lost; longest gap %.1f ms; p50 %.2f ms, p99 %.2f ms, max %.2f ms\n",
        report.sent, report.answered, report.lost, report.longest_gap_ms, report.p50_ms, report.p99_ms,
        report.max_ms);
    if (report.end != Result::kOk)
      std::printf("ended: %s (%s)\n", ToString(report.end), report.detail.c_str());
  }
  if (report.end != Result::kOk) return static_cast<int>(report.end);
  return report.lost == 0 ? 0 : static_cast<int>(Result::kTimeout);
}

// Targets on stdin, one a line; a JSON object a line out.
int Scan(const Flags& flags) {
  std::vector<Target> targets;
  const Hosts hosts = MachineHosts();
  for (std::string line; std::getline(std::cin, line);) {
    if (line.empty()) continue;
    const auto target = ParseTarget(line, hosts);
    if (!target.ok()) return Complain(target.status());
    targets.push_back(*target);
  }
  const std::vector<Outcome> outcomes = Probe(targets, flags.attempt);
  for (size_t i = 0; i < targets.size(); ++i) std::cout << ToJson(targets[i], outcomes[i]).dump() << "\n";
  return 0;
}

void AddTarget(CLI::App* app, Flags& flags) {
  app->add_option("TARGET", flags.target,
                  "HOST:PORT[/udp|/sctp]; a name in /etc/hosts or an address, IPv6 as [ADDRESS]")
      ->required();
  app->add_flag("-4", flags.ipv4, "of a name's addresses take IPv4");
  app->add_flag("-6", flags.ipv6, "of a name's addresses take IPv6");
  app->add_flag("-u,--udp", flags.udp, "UDP, the same as HOST:PORT/udp");
}

void AddOutput(CLI::App* app, Flags& flags) {
  app->add_option("-o,--output", flags.output, "text or json")->check(CLI::IsMember({"text", "json"}));
}

int Main(int argc, char** argv) {
  Flags flags;
  CLI::App app("Asks and answers over TCP, UDP and SCTP, to find out what the network lets through.",
               "fairlead-probe");
  app.require_subcommand(1);
  app.footer(
      "Exit codes of connect and stream: 0 ok, 1 refused, 2 timeout or loss, 3 unreachable, 4 reset, 5 "
      "closed,\n"
      "6 unexpected answer, 7 local error, 64 usage.\n\n"
      "Examples:\n"
      "  fairlead-probe serve tcp:8080 udp:53\n"
      "  fairlead-probe connect 10.96.0.10:80 --count 20        who answers how often\n"
      "  fairlead-probe connect [fd00::1]:53/udp --expect cart  is it cart that answers?\n"
      "  fairlead-probe stream 10.96.0.10:80 --duration 10      loss and gaps while something restarts");

  CLI::App* serve = app.add_subcommand("serve", "answer with the host's name on ports");
  serve->add_option("LISTEN", flags.listens, "PROTOCOL:PORT, as tcp:80");
  serve->add_option("--name", flags.name, "answer with this name instead of the host's");

  CLI::App* connect = app.add_subcommand("connect", "ask once, or --count times, over new connections");
  AddTarget(connect, flags);
  AddOutput(connect, flags);
  connect->add_option("--timeout-ms", flags.attempt.timeout_ms, "give up after so long")
      ->capture_default_str();
  connect->add_option("--send", flags.attempt.send, "what to ask; empty: TCP only connects")
      ->capture_default_str();
  connect->add_option("--expect", flags.attempt.expect, "text that the answer must contain");
  connect->add_option("--source-port", flags.attempt.source_port, "bind to this port");
  connect->add_option("-c,--count", flags.count, "how often")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  connect->add_option("--interval-ms", flags.interval_ms, "pause between two")->check(CLI::Range(0, 60'000));

  CLI::App* stream = app.add_subcommand("stream", "exchange numbered messages and report loss and gaps");
  AddTarget(stream, flags);
  AddOutput(stream, flags);
  stream->add_option("--interval-ms", flags.stream.interval_ms, "between two messages")
      ->check(CLI::Range(1, 60'000))
      ->capture_default_str();
  stream->add_option("--duration", flags.duration_s, "seconds; 0: until stopped")->capture_default_str();
  stream
      ->add_option("--timeout-ms", flags.stream.timeout_ms,
                   "a connection without answers for so long has ended")
      ->capture_default_str();
  stream->add_flag("--until-eof", flags.until_eof, "end when standard input (a pipe) does, too");
  stream->add_flag("--samples", flags.samples, "with -o json: when each was sent and how long it took");
  stream->add_flag("--new-connections", flags.stream.new_connections, "a new connection for each message");

  CLI::App* scan = app.add_subcommand("scan", "ask all targets named on stdin at once; a JSON object a line");
  scan->add_option("--timeout-ms", flags.attempt.timeout_ms, "give up after so long")->capture_default_str();

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kUsage;
  }
  if (serve->parsed()) return Serve(flags);
  if (connect->parsed()) return Connect(flags);
  if (stream->parsed()) return Stream(flags);
  return Scan(flags);
}

}  // namespace
}  // namespace fairlead::probe

int main(int argc, char** argv) try {
  return fairlead::probe::Main(argc, argv);
} catch (const std::exception& error) {
  std::cerr << "fairlead-probe: " << error.what() << "\n";
  return 1;
}
