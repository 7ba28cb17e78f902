#include "agent/cni/cni_server.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "agent/details.h"
#include "base/status_macros.h"
#include "spdlog/spdlog.h"

namespace fairlead::agent {
namespace {

constexpr int kBacklog = 512;

absl::Status CheckPeer(int fd) {
  ucred peer{};
  socklen_t size = sizeof(peer);
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
    return ErrnoError(errno, "ask who connected");
  if (peer.uid == 0) return absl::OkStatus();
  return absl::PermissionDeniedError(
      absl::StrCat("process ", peer.pid, " of user ", peer.uid, " is not root"));
}

}  // namespace

absl::StatusOr<std::unique_ptr<CniServer>> CniServer::Listen(const std::string& path, EventLoop* loop,
                                                             Handler* handler,
                                                             std::chrono::milliseconds patience) {
  sockaddr_un address{.sun_family = AF_UNIX};
  if (path.size() >= sizeof(address.sun_path)) {
    return absl::InvalidArgumentError(
        absl::StrCat("listen on ", path, ": longer than a socket's path may be (",
                     sizeof(address.sun_path) - 1, " bytes); choose another --run-dir"));
  }
  memcpy(address.sun_path, path.data(), path.size());
  UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.valid()) return ErrnoError(errno, "open a unix socket");
  // The caller holds the node's lock: a socket that is there belongs to nobody.
  unlink(path.c_str());
  if (bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 ||
      chmod(path.c_str(), 0600) != 0 || listen(fd.get(), kBacklog) != 0) {
    return ErrnoError(errno, absl::StrCat("listen on ", path));
  }
  const int listener = fd.get();
  auto server = absl::WrapUnique(new CniServer(std::move(fd), loop, handler, patience));
  RETURN_IF_ERROR(loop->Watch(listener, [raw = server.get()] { raw->Accept(); }));
  return server;
}

CniServer::~CniServer() {
  loop_->Unwatch(listener_.get());
  while (!connections_.empty()) Close(connections_.begin()->first);
}

void CniServer::Accept() {
  while (true) {
    UniqueFd fd(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!fd.valid()) {
      if (errno != EAGAIN && errno != EINTR) spdlog::warn("accept on the CNI socket: {}", strerror(errno));
      return;
    }
    const uint64_t id = ++last_id_;
    const int raw = fd.get();
    absl::Status status = CheckPeer(raw);
    if (status.ok() && connections_.size() >= kMaxConnections) {
      status = absl::UnavailableError(absl::StrCat(kMaxConnections, " CNI commands are under way"));
    }
    connections_[id] = {.fd = std::move(fd)};
    if (status.ok()) status = loop_->Watch(raw, [this, id] { Read(id); });
    if (!status.ok()) {
      spdlog::warn("CNI socket: {}", std::string(status.message()));
      if (Send(id, ErrorLine(status))) Close(id);
      continue;
    }
    RestartTimer(id);
  }
}

void CniServer::RestartTimer(uint64_t id) {
  Connection& connection = connections_.at(id);
  if (connection.timer != 0) loop_->Cancel(connection.timer);
  connection.timer = loop_->After(patience_, [this, id] {
    auto found = connections_.find(id);
    if (found == connections_.end()) return;
    found->second.timer = 0;
    spdlog::warn("CNI socket: a plugin has said nothing for too long");
    Close(id);
  });
}

void CniServer::Read(uint64_t id) {
  char buffer[16 * 1024];
  const ssize_t count = recv(connections_.at(id).fd.get(), buffer, sizeof(buffer), 0);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (count <= 0) {
    Close(id);
    return;
  }
  connections_.at(id).input.append(buffer, static_cast<size_t>(count));
  while (connections_.contains(id)) {
    std::string& input = connections_.at(id).input;
    const size_t end = input.find('\n');
    const bool is_whole = end != std::string::npos;
    if (!is_whole && input.size() <= kMaxLine) return;
    if (!is_whole || end > kMaxLine) {
      if (Send(id, ErrorLine(absl::InvalidArgumentError("CNI request: longer than 64 KiB")))) Close(id);
      return;
    }
    const std::string line = input.substr(0, end);
    input.erase(0, end + 1);
    Handle(id, line);
  }
}

void CniServer::Handle(uint64_t id, const std::string& line) {
  RestartTimer(id);
  absl::StatusOr<std::variant<CniRequest, CniCommit>> parsed = ParseCniLine(line);
  if (!parsed.ok()) {
    if (Send(id, ErrorLine(parsed.status()))) Close(id);
    return;
  }
  if (const auto* request = std::get_if<CniRequest>(&*parsed)) {
    HandleRequest(id, *request);
  } else {
    HandleCommit(id, std::get<CniCommit>(*parsed));
  }
}

bool CniServer::IsUnderWay(const std::string& key) const {
  return std::any_of(connections_.begin(), connections_.end(),
                     [&](const auto& entry) { return entry.second.key == key; });
}

void CniServer::HandleRequest(uint64_t id, const CniRequest& request) {
  if (!connections_.at(id).key.empty()) {
    if (Send(id, ErrorLine(
                     absl::InvalidArgumentError("CNI request: the connection is in the middle of an ADD")))) {
      Close(id);
    }
    return;
  }
  if (request.command != CniCommand::kAdd) {
    const absl::Status status = handler_->Run(request);
    Send(id, status.ok()                              ? DoneLine()
             : request.command == CniCommand::kStatus ? NotAvailableLine(status)
                                                      : ErrorLine(status));
    return;
  }
  if (IsUnderWay(request.key())) {
    Send(id, ErrorLine(WithDetails(
                 absl::AlreadyExistsError(absl::StrCat("an ADD of sandbox ", request.key(), " is under way")),
                 "try again when it has ended")));
    return;
  }
  absl::StatusOr<PreparedReply> prepared = handler_->Prepare(request);
  if (!prepared.ok()) {
    Send(id, ErrorLine(prepared.status()));
    return;
  }
  connections_.at(id).key = request.key();
  Send(id, PreparedLine(*prepared));
}

void CniServer::HandleCommit(uint64_t id, const CniCommit& commit) {
  Connection& connection = connections_.at(id);
  if (connection.key.empty() || connection.committing) {
    if (Send(id, ErrorLine(absl::InvalidArgumentError("CNI request: there is nothing to commit")))) Close(id);
    return;
  }
  connection.committing = true;
  // From here on the wait is the handler's, which has its own limit.
  if (connection.timer != 0) loop_->Cancel(connection.timer);
  connection.timer = 0;
  const std::string key = connection.key;
  handler_->Commit(key, commit.host_ifindex, [this, id](const absl::Status& status) {
    auto found = connections_.find(id);
    if (found == connections_.end()) return;
    // Told or failed: nothing to abandon any more.
    found->second.key.clear();
    found->second.committing = false;
    if (Send(id, status.ok() ? DoneLine() : ErrorLine(status))) RestartTimer(id);
  });
}

bool CniServer::Send(uint64_t id, const std::string& line) {
  const std::string bytes = line + "\n";
  const ssize_t sent =
      send(connections_.at(id).fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  // Answers are far smaller than a socket's buffer: who does not read them is not a plugin.
  if (sent == static_cast<ssize_t>(bytes.size())) return true;
  Close(id);
  return false;
}

void CniServer::Close(uint64_t id) {
  auto found = connections_.find(id);
  if (found == connections_.end()) return;
  Connection connection = std::move(found->second);
  connections_.erase(found);
  loop_->Unwatch(connection.fd.get());
  if (connection.timer != 0) loop_->Cancel(connection.timer);
  if (!connection.key.empty()) handler_->Abandon(connection.key);
}

}  // namespace fairlead::agent
