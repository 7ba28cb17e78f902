// fairlead relay SOCKET: standard streams to a unix socket and back; what kubectl fairlead runs in our pods.
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <thread>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "base/unique_fd.h"
#include "cli/commands/command.h"

namespace fairlead::cli {
namespace {

absl::StatusOr<UniqueFd> ConnectTo(const std::string& path) {
  sockaddr_un address{.sun_family = AF_UNIX};
  if (path.size() >= sizeof(address.sun_path))
    return absl::InvalidArgumentError(absl::StrCat(path, " is too long for a socket"));
  std::memcpy(address.sun_path, path.data(), path.size());
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd.valid() || ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0)
    return ErrnoError(errno, absl::StrCat("connect to ", path));
  return fd;
}

// Until `from` ends or `to` takes no more.
void Copy(int from, int to) {
  std::array<char, 32 << 10> buffer;
  while (true) {
    const ssize_t got = ::read(from, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return;
    for (ssize_t done = 0; done < got;) {
      const ssize_t wrote = ::write(to, buffer.data() + done, static_cast<size_t>(got - done));
      if (wrote < 0 && errno == EINTR) continue;
      if (wrote <= 0) return;
      done += wrote;
    }
  }
}

absl::StatusOr<int> Relay(const std::string& path) {
  ASSIGN_OR_RETURN(const UniqueFd socket, ConnectTo(path));
  // It may wait for input for ever; the process ends without it.
  std::thread([fd = socket.get()] {
    Copy(STDIN_FILENO, fd);
    ::shutdown(fd, SHUT_WR);
  }).detach();
  Copy(socket.get(), STDOUT_FILENO);
  ::_exit(0);
}

}  // namespace

void AddRelayCommand(CLI::App& app, Context& context) {
  auto path = std::make_shared<std::string>();
  CLI::App* relay = app.add_subcommand("relay", "copy between the standard streams and a unix socket");
  relay->group("");
  relay->add_option("SOCKET", *path, "its path")->required();
  relay->footer("Examples:\n  fairlead relay /run/fairlead/agent.sock");
  OnRun(relay, context, [path] { return Relay(*path); });
}

}  // namespace fairlead::cli
