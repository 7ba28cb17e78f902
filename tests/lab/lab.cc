#include "tests/lab/lab.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <iostream>
#include <map>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "cli/lab/lab.h"
#include "cli/lab/process.h"

namespace fairlead::test {
namespace {

using nlohmann::json;

constexpr int64_t kPatienceNs = 60'000'000'000;
constexpr char kFairlead[] = FAIRLEAD_BIN_DIR "/fairlead";

// Labs "tPID" of tests that were killed before they could take them down. Another test may be doing the
// same: whether it worked does not matter here.
void SweepDeadLabs() {
  for (const std::string& name : lab::LabNames()) {
    int pid = 0;
    if (!absl::StartsWith(name, "t") || !absl::SimpleAtoi(name.substr(1), &pid) || pid <= 0) continue;
    if (::kill(pid, 0) == 0 || errno != ESRCH) continue;
    std::cerr << "lab " << name << " is of a test that has ended: taking it down\n";
    Fairlead({"lab", "down", "--name", name});
  }
}

}  // namespace

Output Fairlead(const std::vector<std::string>& args, const std::string& input, int timeout_ms) {
  lab::ProcessSpec spec{.argv = {kFairlead}, .env = lab::CurrentEnvironment()};
  spec.argv.insert(spec.argv.end(), args.begin(), args.end());
  auto result = lab::RunCommand(spec, input, timeout_ms);
  if (!result.ok()) {
    ADD_FAILURE() << result.status();
    return {.exit_code = -1};
  }
  return {result->exit_code, result->out, result->err};
}

bool Eventually(const std::function<bool()>& holds) {
  const int64_t deadline_ns = SystemClock().MonotonicNs() + kPatienceNs;
  while (!holds()) {
    if (SystemClock().MonotonicNs() > deadline_ns) return false;
    ::poll(nullptr, 0, 10);
  }
  return true;
}

Lab::Lab(const std::string& manifests, const std::vector<std::string>& up_options)
    : name_("t" + std::to_string(::getpid())) {
  if (::geteuid() != 0) {
    ADD_FAILURE() << "labs need root; run the tests with sudo";
    return;
  }
  SweepDeadLabs();
  std::vector<std::string> args{"lab", "up", "--name", name_, "-f", "-"};
  args.insert(args.end(), up_options.begin(), up_options.end());
  if (const char* routing = std::getenv("FAIRLEAD_TEST_ROUTING"))
    args.insert(args.end(), {"--routing", routing});
  const Output run = test::Fairlead(args, manifests, 90'000);
  up_ = run.exit_code == 0;
  if (!up_) ADD_FAILURE() << run.out << run.err << Fairlead({"lab", "logs", "-n", "30"}).out;
}

Lab::~Lab() {
  if (testing::Test::HasFailure()) std::cerr << Fairlead({"lab", "logs", "-n", "30"}).out;
  const Output run = test::Fairlead({"lab", "down", "--name", name_});
  EXPECT_EQ(run.exit_code, 0) << run.out << run.err;
}

Output Lab::Fairlead(const std::vector<std::string>& args, const std::string& input, int timeout_ms) const {
  ::setenv("FAIRLEAD_LAB", name_.c_str(), 1);
  Output run = test::Fairlead(args, input, timeout_ms);
  ::unsetenv("FAIRLEAD_LAB");
  return run;
}

Output Lab::Exec(const std::string& where, const std::vector<std::string>& command, int timeout_ms) const {
  std::vector<std::string> args{"lab", "exec", "--name", name_, where, "--"};
  args.insert(args.end(), command.begin(), command.end());
  return test::Fairlead(args, "", timeout_ms);
}

json Lab::ProbeJson(const std::string& where, std::vector<std::string> args, int timeout_ms) const {
  args.insert(args.begin(), "fairlead-probe");
  args.insert(args.end(), {"-o", "json"});
  const Output run = Exec(where, args, timeout_ms);
  json value = json::parse(run.out, nullptr, /*allow_exceptions=*/false);
  if (value.is_discarded()) {
    ADD_FAILURE() << "fairlead-probe from " << where << ": " << run.out << run.err;
    return json::object();
  }
  return value;
}

std::string Lab::Probe(const std::string& where, const std::string& target) const {
  return ProbeJson(where, {"connect", target, "--timeout-ms", "10000"}).value("result", "no JSON");
}

std::string Lab::ProbeBriefly(const std::string& where, const std::string& target) const {
  return ProbeJson(where, {"connect", target, "--timeout-ms", "1000"}).value("result", "no JSON");
}

void Lab::Apply(const std::string& manifests) const {
  const Output run = Fairlead({"lab", "apply", "-f", "-"}, manifests);
  EXPECT_EQ(run.exit_code, 0) << run.out << run.err;
}

void Lab::Delete(const std::string& manifests) const {
  const Output run = Fairlead({"lab", "delete", "-f", "-"}, manifests);
  EXPECT_EQ(run.exit_code, 0) << run.out << run.err;
}

std::string Lab::Address(const std::string& kind, const std::string& name, int family) const {
  const bool ipv6 = family == 6;
  if (kind == "pod") {
    for (const json& pod : Json({"lab", "list", "--pods"})) {
      if (pod["namespace"].get<std::string>() + "/" + pod["name"].get<std::string>() != name) continue;
      for (const std::string address : pod["addresses"]) {
        if ((address.find(':') != std::string::npos) == ipv6) return address;
      }
    }
  } else {
    for (const json& node : Json({"services"})) {
      for (const json& service : node["services"]) {
        const std::string address = service["address"];
        if (service["type"] == "ClusterIP" &&
            service["namespace"].get<std::string>() + "/" + service["name"].get<std::string>() == name &&
            (address.find(':') != std::string::npos) == ipv6) {
          return address;
        }
      }
    }
  }
  ADD_FAILURE() << "no IPv" << family << " address of " << kind << " " << name;
  return "";
}

std::string Lab::At(const std::string& address, int port) {
  const bool ipv6 = address.find(':') != std::string::npos;
  return (ipv6 ? "[" + address + "]" : address) + ":" + std::to_string(port);
}

std::set<std::string> Lab::Reached() const {
  std::map<std::string, std::string> families;
  for (const json& answer : Json({"lab", "matrix", "--timeout-ms", "2000"})) {
    if (answer["kind"] != "pod" || answer["result"] != "ok" || answer["source"] == answer["target"]) continue;
    const bool udp = answer["protocol"] == "udp";
    const std::string path = answer["source"].get<std::string>() + " > " +
                             answer["target"].get<std::string>() + ":" +
                             std::to_string(answer["port"].get<int>()) + (udp ? "/udp" : "");
    families[path] += answer["address"].get<std::string>().find(':') == std::string::npos ? "4" : "6";
  }
  std::set<std::string> reached;
  for (const auto& [path, seen] : families)
    reached.insert(seen.size() == 1 ? absl::StrCat(path, " /", seen) : path);
  return reached;
}

json Lab::Json(std::vector<std::string> args) const {
  args.insert(args.end(), {"-o", "json"});
  const Output run = Fairlead(args);
  json value = json::parse(run.out, nullptr, /*allow_exceptions=*/false);
  if (value.is_discarded()) {
    ADD_FAILURE() << "fairlead " << args[0] << ": " << run.out << run.err;
    return json::array();
  }
  return value;
}

}  // namespace fairlead::test
