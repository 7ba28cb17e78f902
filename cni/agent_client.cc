#include "cni/agent_client.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "cni/error.h"
#include "nlohmann/json.hpp"

namespace fairlead::cni {
namespace {

constexpr size_t kMaxLine = 64 << 10;

absl::Status Gone(absl::string_view what) {
  return absl::UnavailableError(absl::StrCat("talk to the node's agent: ", what));
}

// The agent's {"error":{...}} as a status.
absl::Status AgentError(const nlohmann::json& error) {
  if (!error.is_object() || !error.contains("code") || !error["code"].is_number_integer() ||
      !error.contains("msg") || !error["msg"].is_string()) {
    return CniError(ErrorCode::kDecode, "the agent's error has no code and msg");
  }
  const std::string details =
      error.contains("details") && error["details"].is_string() ? error["details"].get<std::string>() : "";
  return CniError(error["code"].get<int>(), error["msg"].get<std::string>(), details);
}

}  // namespace

absl::StatusOr<AgentClient> AgentClient::Connect(const std::string& path, std::chrono::seconds timeout) {
  sockaddr_un address{.sun_family = AF_UNIX};
  if (path.size() >= sizeof(address.sun_path)) {
    return CniError(ErrorCode::kInvalidConfig,
                    absl::StrCat("agentSocket: longer than ", sizeof(address.sun_path) - 1, " bytes"));
  }
  memcpy(address.sun_path, path.data(), path.size());
  UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return ErrnoError(errno, "open a unix socket");
  // Full backlog: connect() would wait without end.
  const timeval patience{.tv_sec = static_cast<time_t>(timeout.count())};
  setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
  if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    return absl::UnavailableError(
        absl::StrCat("connect to the node's agent at ", path, ": ", strerror(errno)));
  }
  return AgentClient(std::move(fd), std::chrono::steady_clock::now() + timeout);
}

absl::Status AgentClient::Wait(short events) const {
  while (true) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline_ - std::chrono::steady_clock::now());
    pollfd poller{.fd = fd_.get(), .events = events};
    const int ready = left.count() <= 0 ? 0 : poll(&poller, 1, static_cast<int>(left.count()));
    if (ready > 0) return absl::OkStatus();
    if (ready == 0) return Gone("no answer in time");
    if (errno != EINTR) return ErrnoError(errno, "poll the agent's socket");
  }
}

absl::Status AgentClient::Send(const std::string& line) const {
  size_t sent = 0;
  while (sent < line.size()) {
    RETURN_IF_ERROR(Wait(POLLOUT));
    const ssize_t count =
        send(fd_.get(), line.data() + sent, line.size() - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count > 0) sent += static_cast<size_t>(count);
    if (count < 0 && errno != EINTR && errno != EAGAIN) return Gone(strerror(errno));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> AgentClient::ReceiveLine() const {
  std::string line;
  while (line.size() <= kMaxLine) {
    RETURN_IF_ERROR(Wait(POLLIN));
    char buffer[4096];
    const ssize_t count = recv(fd_.get(), buffer, sizeof(buffer), MSG_DONTWAIT);
    if (count == 0) return Gone("it closed the connection");
    if (count < 0) {
      if (errno == EINTR || errno == EAGAIN) continue;
      return Gone(strerror(errno));
    }
    line.append(buffer, static_cast<size_t>(count));
    // The agent speaks only when it is asked: nothing can follow the end of the line.
    if (line.back() == '\n') return line;
  }
  return CniError(ErrorCode::kDecode, "the agent's answer is longer than 64 KiB");
}

absl::StatusOr<nlohmann::json> AgentClient::Exchange(const nlohmann::json& request,
                                                     const std::string& expected) {
  const std::string line = request.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  if (line.size() > kMaxLine) {
    return CniError(ErrorCode::kInvalidConfig, "the request to the agent is longer than 64 KiB",
                    "fewer port mappings or attachments");
  }
  RETURN_IF_ERROR(Send(line));
  ASSIGN_OR_RETURN(std::string answer, ReceiveLine());
  nlohmann::json parsed = nlohmann::json::parse(answer, nullptr, false);
  if (parsed.is_discarded() || !parsed.is_object()) {
    return CniError(ErrorCode::kDecode, "the agent's answer is not a JSON object");
  }
  if (parsed.contains("error")) return AgentError(parsed["error"]);
  if (!parsed.contains(expected) || !parsed[expected].is_object()) {
    return CniError(ErrorCode::kDecode, absl::StrCat("the agent's answer has no \"", expected, "\""),
                    "are fairlead-cni and fairlead-agent of the same version?");
  }
  return parsed[expected];
}

}  // namespace fairlead::cni
