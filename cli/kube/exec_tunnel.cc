#include "cli/kube/exec_tunnel.h"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"

namespace fairlead::cli {
namespace {

constexpr int kBacklog = 16;
constexpr int kEndPatienceMs = 1000;

std::string ContentOf(int fd) {
  std::string text(4096, '\0');
  const ssize_t size = ::pread(fd, text.data(), text.size(), 0);
  text.resize(size > 0 ? static_cast<size_t>(size) : 0);
  return text;
}

}  // namespace

absl::StatusOr<std::unique_ptr<ExecTunnel>> ExecTunnel::Open(const std::string& path, const Kubectl& kubectl,
                                                             const FairleadPod& pod,
                                                             const std::string& remote) {
  sockaddr_un address{.sun_family = AF_UNIX};
  if (path.size() >= sizeof(address.sun_path)) {
    return absl::InvalidArgumentError(absl::StrCat("listen on ", path, ": the path is too long; set TMPDIR"));
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  UniqueFd listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!listener.valid()) return ErrnoError(errno, "open a unix socket");
  if (::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 ||
      ::listen(listener.get(), kBacklog) != 0) {
    return ErrnoError(errno, absl::StrCat("listen on ", path));
  }
  UniqueFd stop(::eventfd(0, EFD_CLOEXEC));
  if (!stop.valid()) return ErrnoError(errno, "create an eventfd");
  return absl::WrapUnique(
      new ExecTunnel(std::move(listener), std::move(stop), path,
                     kubectl.Argv({"exec", "--stdin", "--namespace", pod.namespace_name, pod.name,
                                   "--container", pod.component, "--", "fairlead", "relay", remote})));
}

ExecTunnel::ExecTunnel(UniqueFd listener, UniqueFd stop, std::string path, std::vector<std::string> argv)
    : listener_(std::move(listener)),
      stop_(std::move(stop)),
      path_(std::move(path)),
      argv_(std::move(argv)),
      thread_([this] { Serve(); }) {}

ExecTunnel::~ExecTunnel() {
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(stop_.get(), &one, sizeof one);
  thread_.join();
  ::unlink(path_.c_str());
  for (Connection& connection : connections_) connection.process.Signal(SIGTERM);
  for (Connection& connection : connections_) {
    int exit_code = 0;
    if (connection.process.WaitFor(kEndPatienceMs, &exit_code)) continue;
    connection.process.Signal(SIGKILL);
    connection.process.Wait();
  }
}

void ExecTunnel::Serve() {
  while (true) {
    pollfd interests[] = {{.fd = stop_.get(), .events = POLLIN, .revents = 0},
                          {.fd = listener_.get(), .events = POLLIN, .revents = 0}};
    if (::poll(interests, 2, -1) < 0 && errno != EINTR) return;
    if (interests[0].revents != 0) return;
    if (interests[1].revents == 0) continue;
    UniqueFd connection(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (connection.valid()) Connect(std::move(connection));
  }
}

void ExecTunnel::Connect(UniqueFd connection) {
  UniqueFd said(::memfd_create("stderr", MFD_CLOEXEC));
  auto process = lab::Process::Start({.argv = argv_,
                                      .env = lab::CurrentEnvironment(),
                                      .stdin_fd = connection.get(),
                                      .stdout_fd = connection.get(),
                                      .stderr_fd = said.get()});
  const std::lock_guard lock(mutex_);
  if (process.ok()) {
    connections_.push_back({*std::move(process), std::move(said)});
  } else {
    failure_ = std::string(process.status().message());
  }
}

std::string ExecTunnel::LastError() const {
  const std::lock_guard lock(mutex_);
  if (!failure_.empty()) return failure_;
  if (connections_.empty()) return "";
  const std::string text = ContentOf(connections_.back().said.get());
  return text.empty() ? "" : LastWords(text);
}

}  // namespace fairlead::cli
