// One connection to the agent's CNI socket (api/cni_socket.md): a JSON object a line each way.
#pragma once

#include <chrono>
#include <string>

#include "absl/status/statusor.h"
#include "base/unique_fd.h"
#include "nlohmann/json_fwd.hpp"

namespace fairlead::cni {

class AgentClient {
 public:
  // UNAVAILABLE when nobody listens. The deadline counts for the whole connection.
  static absl::StatusOr<AgentClient> Connect(const std::string& path, std::chrono::seconds timeout);

  // Sends `request` and returns what the agent answers under the key `expected` ("prepared", "done").
  // The agent's own errors carry its code and details; UNAVAILABLE: the agent went away without an
  // answer, so that the caller does not know whether it has acted.
  absl::StatusOr<nlohmann::json> Exchange(const nlohmann::json& request, const std::string& expected);

 private:
  AgentClient(UniqueFd fd, std::chrono::steady_clock::time_point deadline)
      : fd_(std::move(fd)), deadline_(deadline) {}

  absl::Status Wait(short events) const;
  absl::Status Send(const std::string& line) const;
  absl::StatusOr<std::string> ReceiveLine() const;

  UniqueFd fd_;
  std::chrono::steady_clock::time_point deadline_;
};

}  // namespace fairlead::cni
