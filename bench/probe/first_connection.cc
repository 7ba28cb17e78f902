#include "bench/probe/first_connection.h"

#include <poll.h>

#include <ctime>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "bench/load/endpoint.h"

namespace fairlead::bench {
namespace {

bool Connected(int fd) {
  int error = 0;
  socklen_t size = sizeof error;
  return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0;
}

absl::StatusOr<bool> Try(const SocketAddress& address, int try_us) {
  ASSIGN_OR_RETURN(const UniqueFd fd, TcpSocket(address.family(), SOCK_NONBLOCK));
  if (connect(fd.get(), address.get(), address.length) == 0) return true;
  pollfd writable{.fd = fd.get(), .events = POLLOUT};
  const timespec patience{.tv_nsec = int64_t{try_us} * 1000};
  return ppoll(&writable, 1, &patience, nullptr) > 0 && Connected(fd.get());
}

}  // namespace

absl::StatusOr<int64_t> AwaitFirstConnection(const FirstConnectionOptions& options) {
  RETURN_IF_ERROR(JoinNetns(options.netns));
  ASSIGN_OR_RETURN(const SocketAddress address, ParseAddress(options.address, options.port));
  const int64_t end = NowNs() + static_cast<int64_t>(options.give_up_seconds * 1e9);
  while (NowNs() < end) {
    ASSIGN_OR_RETURN(const bool connected, Try(address, options.try_us));
    if (connected) return NowNs();
    // Refused at once: let others run.
    const timespec pause{.tv_nsec = 50'000};
    nanosleep(&pause, nullptr);
  }
  return absl::DeadlineExceededError(absl::StrCat("no connection to ", options.address, " port ",
                                                  options.port, " within ", options.give_up_seconds, " s"));
}

}  // namespace fairlead::bench
