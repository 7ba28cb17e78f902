// A steady load from a pod, from construction to Stop: numbered exchanges over one connection, or over a new
// one each.
//
//   Load load(lab, "a/client", "TCP", {"10.244.1.5:8080"});
//   ...
//   load.Stop();
//   EXPECT_EQ(load.report().value("lost", -1), 0);
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "cli/lab/process.h"
#include "tests/lab/lab.h"
#include "tests/lab/slowdown.h"

namespace fairlead::test {

class Load {
 public:
  // `name`: for people. `target`: and options of `fairlead-probe stream`.
  Load(const Lab& lab, const std::string& pod, std::string name, const std::vector<std::string>& target);

  // Fails the test when it does not end.
  void Stop();

  const std::string& name() const { return name_; }
  // After Stop: what fairlead-probe says, without its samples.
  const nlohmann::json& report() const { return json_; }
  const std::vector<TimedLatency>& latencies() const { return latencies_; }

 private:
  std::string name_;
  UniqueFd running_, report_;
  std::optional<lab::Process> process_;
  nlohmann::json json_;
  std::vector<TimedLatency> latencies_;
};

}  // namespace fairlead::test
