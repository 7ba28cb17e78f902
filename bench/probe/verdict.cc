#include "bench/probe/verdict.h"

#include <poll.h>

#include <cinttypes>
#include <cstdio>
#include <optional>

#include "base/status_macros.h"
#include "bench/load/endpoint.h"

namespace fairlead::bench {
namespace {

// A packet that has not come in after this many later ones were sent was dropped: on one machine
// delivery is done when send() returns, or at the latest when the other CPU has had its turn.
constexpr uint64_t kLateBy = 4;
constexpr uint64_t kRing = 64;

class Watcher {
 public:
  Watcher(UniqueFd client, UniqueFd server, SocketAddress address, int interval_us)
      : client_(std::move(client)),
        server_(std::move(server)),
        address_(address),
        interval_us_(interval_us) {}

  void Run() {
    int64_t next = NowNs();
    while (!InputEnded()) {
      while (NowNs() < next) {
      }
      next += int64_t{interval_us_} * 1000;
      Send();
      Receive();
      if (sent_ > kLateBy) Judge(sent_ - kLateBy);
    }
    std::printf("end %" PRIu64 " %" PRIu64 "\n", sent_, received_);
  }

 private:
  static bool InputEnded() {
    pollfd input{.fd = STDIN_FILENO, .events = POLLIN};
    char byte;
    return poll(&input, 1, 0) > 0 && read(STDIN_FILENO, &byte, 1) == 0;
  }

  // What send() refuses (no route yet, no device yet) counts as a packet that did not pass.
  void Send() {
    ++sent_;
    sent_at_[sent_ % kRing] = NowNs();
    arrived_[sent_ % kRing] = false;
    sendto(client_.get(), &sent_, sizeof sent_, 0, address_.get(), address_.length);
  }

  void Receive() {
    uint64_t number;
    while (recv(server_.get(), &number, sizeof number, 0) == sizeof number) {
      ++received_;
      if (number + kRing > sent_) arrived_[number % kRing] = true;
    }
  }

  void Judge(uint64_t number) {
    const bool up = arrived_[number % kRing];
    if (up_ == up) return;
    up_ = up;
    std::printf("%s %" PRId64 "\n", up ? "up" : "down", sent_at_[number % kRing]);
    std::fflush(stdout);
  }

  const UniqueFd client_, server_;
  const SocketAddress address_;
  const int interval_us_;
  uint64_t sent_ = 0, received_ = 0;
  int64_t sent_at_[kRing] = {};
  bool arrived_[kRing] = {};
  std::optional<bool> up_;
};

}  // namespace

absl::Status WatchVerdict(const VerdictOptions& options) {
  RETURN_IF_ERROR(JoinNetns(options.server_netns));
  ASSIGN_OR_RETURN(const SocketAddress any, ParseAddress("0.0.0.0", options.port));
  ASSIGN_OR_RETURN(UniqueFd server, UdpListener(any, SOCK_NONBLOCK));
  RETURN_IF_ERROR(JoinNetns(options.client_netns));
  ASSIGN_OR_RETURN(const SocketAddress address, ParseAddress(options.address, options.port));
  ASSIGN_OR_RETURN(UniqueFd client, UdpSocket(address.family(), SOCK_NONBLOCK));
  Watcher(std::move(client), std::move(server), address, options.interval_us).Run();
  return absl::OkStatus();
}

}  // namespace fairlead::bench
