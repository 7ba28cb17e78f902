// Runs the real plugin as a process, as a container runtime does.
#pragma once

#include <sys/types.h>

#include <map>
#include <string>

#include "nlohmann/json.hpp"

namespace fairlead::cni {

struct PluginRun {
  std::map<std::string, std::string> environment;  // CNI_COMMAND, ...
  std::string input;
  int netns_fd = -1;  // the "node's" network namespace; -1: that of the test
};

struct PluginResult {
  int exit_code = -1;  // 128 + signal when it was killed
  std::string output;

  // The output as JSON; null when it is none.
  nlohmann::json json() const { return nlohmann::json::parse(output, nullptr, false); }
  // The "code" of the error object; 0 when there is none.
  int code() const;
};

// A process that runs; killed at the end of its life.
class PluginProcess {
 public:
  explicit PluginProcess(const PluginRun& run);
  ~PluginProcess();

  pid_t pid() const { return pid_; }
  PluginResult Wait();

 private:
  pid_t pid_ = -1;
  int output_fd_ = -1;
};

PluginResult RunPlugin(const PluginRun& run);

}  // namespace fairlead::cni
