#include "bench/load/concurrent_server.h"

#include <sys/epoll.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <vector>

#include "base/status_macros.h"
#include "bench/load/protocol.h"

namespace fairlead::bench {
namespace {

void Watch(int epoll, int fd) {
  epoll_event event{.events = EPOLLIN, .data = {.fd = fd}};
  epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

void AcceptAll(int listener, int epoll) {
  for (;;) {
    const int fd = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) return;
    Watch(epoll, fd);
  }
}

// One message; messages are small, so that a write does not block. False: the connection is over.
bool Answer(int fd, std::vector<char>& buffer) {
  const ssize_t got = read(fd, buffer.data(), buffer.size());
  if (got < 0) return errno == EAGAIN;
  if (got == 0) return false;
  return write(fd, buffer.data(), static_cast<size_t>(got)) == got && buffer[0] == kEcho;
}

}  // namespace

absl::Status ServeConcurrently(const SocketAddress& address) {
  ASSIGN_OR_RETURN(const UniqueFd listener, TcpListener(address, SOCK_NONBLOCK));
  const UniqueFd epoll(epoll_create1(EPOLL_CLOEXEC));
  if (!epoll.valid()) return ErrnoError(errno, "epoll_create1");
  Watch(epoll.get(), listener.get());
  std::puts("ready");
  std::fflush(stdout);
  std::vector<char> buffer(kMaxMessageBytes);
  std::array<epoll_event, 256> events;
  for (;;) {
    const int count = epoll_wait(epoll.get(), events.data(), events.size(), -1);
    if (count < 0 && errno != EINTR) return ErrnoError(errno, "epoll_wait");
    for (int i = 0; i < count; ++i) {
      const int fd = events[i].data.fd;
      if (fd == listener.get()) {
        AcceptAll(fd, epoll.get());
      } else if (!Answer(fd, buffer)) {
        close(fd);
      }
    }
  }
}

}  // namespace fairlead::bench
