#include "bench/load/client.h"

#include <cerrno>
#include <functional>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/status_macros.h"
#include "bench/load/protocol.h"

namespace fairlead::bench {
namespace {

constexpr int kMaxConsecutiveErrors = 5;
constexpr int kPatienceSeconds = 1;

// A socket whose calls, connect() too, give up after kPatienceSeconds.
absl::StatusOr<UniqueFd> Impatient(absl::StatusOr<UniqueFd> socket) {
  if (!socket.ok()) return socket;
  const timeval timeout{.tv_sec = kPatienceSeconds};
  setsockopt(socket->get(), SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
  setsockopt(socket->get(), SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
  return socket;
}

absl::Status ReadExactly(int fd, std::vector<char>& buffer) {
  size_t have = 0;
  while (have < buffer.size()) {
    const ssize_t got = read(fd, buffer.data() + have, buffer.size() - have);
    if (got < 0) return ErrnoError(errno, "read the response");
    if (got == 0) return absl::UnavailableError("the server closed before its response");
    have += static_cast<size_t>(got);
  }
  return absl::OkStatus();
}

absl::Status Exchange(int fd, std::vector<char>& buffer) {
  if (write(fd, buffer.data(), buffer.size()) != static_cast<ssize_t>(buffer.size())) {
    return ErrnoError(errno, "write the request");
  }
  return ReadExactly(fd, buffer);
}

// Repeats `transaction` for warm-up and measurement; `bytes_each` is what one carries.
absl::Status Measure(const ClientOptions& options, uint64_t bytes_each,
                     const std::function<absl::Status()>& transaction, ClientResult& result) {
  const int64_t begin = NowNs();
  int64_t measured_from = begin + static_cast<int64_t>(options.warm_up_seconds * 1e9);
  const int64_t end = measured_from + static_cast<int64_t>(options.seconds * 1e9);
  bool warm = false;
  int failures_in_a_row = 0;
  int64_t now = begin;
  while (now < end) {
    if (!warm && now >= measured_from) {
      warm = true;
      measured_from = now;
    }
    const int64_t started = now;
    const absl::Status status = transaction();
    now = NowNs();
    if (!status.ok()) {
      if (warm) ++result.errors;
      if (++failures_in_a_row > kMaxConsecutiveErrors) {
        return WrapError(status,
                         absl::StrCat(result.workload, ": ", failures_in_a_row, " failures in a row"));
      }
      continue;
    }
    failures_in_a_row = 0;
    if (!warm) continue;
    result.latency.Add(now - started);
    ++result.transactions;
    result.bytes += bytes_each;
  }
  result.seconds = static_cast<double>(now - measured_from) / 1e9;
  return absl::OkStatus();
}

absl::Status TcpRequestResponse(const ClientOptions& options, ClientResult& result) {
  ASSIGN_OR_RETURN(const UniqueFd fd, Impatient(TcpSocket(options.server.family())));
  RETURN_IF_ERROR(Connect(fd.get(), options.server));
  std::vector<char> message(options.message_bytes, kEcho);
  return Measure(options, message.size(), [&] { return Exchange(fd.get(), message); }, result);
}

absl::Status TcpConnectRequestResponse(const ClientOptions& options, ClientResult& result) {
  std::vector<char> message(options.message_bytes, kEchoAndClose);
  const auto transaction = [&]() -> absl::Status {
    ASSIGN_OR_RETURN(const UniqueFd fd, Impatient(TcpSocket(options.server.family())));
    RETURN_IF_ERROR(Connect(fd.get(), options.server));
    RETURN_IF_ERROR(Exchange(fd.get(), message));
    char end;
    if (read(fd.get(), &end, 1) != 0) return absl::UnavailableError("the server did not close");
    return absl::OkStatus();
  };
  return Measure(options, message.size(), transaction, result);
}

absl::Status TcpStream(const ClientOptions& options, ClientResult& result) {
  ASSIGN_OR_RETURN(const UniqueFd fd, Impatient(TcpSocket(options.server.family())));
  RETURN_IF_ERROR(Connect(fd.get(), options.server));
  const std::vector<char> chunk(kStreamChunkBytes, kDiscard);
  const auto transaction = [&]() -> absl::Status {
    if (write(fd.get(), chunk.data(), chunk.size()) != static_cast<ssize_t>(chunk.size())) {
      return ErrnoError(errno, "write");
    }
    return absl::OkStatus();
  };
  return Measure(options, chunk.size(), transaction, result);
}

absl::Status UdpRequestResponse(const ClientOptions& options, ClientResult& result) {
  ASSIGN_OR_RETURN(const UniqueFd fd, Impatient(UdpSocket(options.server.family())));
  RETURN_IF_ERROR(Connect(fd.get(), options.server));
  std::vector<char> message(options.message_bytes, kEcho);
  return Measure(options, message.size(), [&] { return Exchange(fd.get(), message); }, result);
}

}  // namespace

std::string ClientResult::ToJson() const {
  const double rate = seconds > 0 ? static_cast<double>(transactions) / seconds : 0;
  const double throughput = seconds > 0 ? static_cast<double>(bytes) / seconds : 0;
  return absl::StrFormat(
      R"({"workload":"%s","seconds":%.3f,"transactions":%d,"per_second":%.1f,"bytes_per_second":%.0f,)"
      R"("errors":%d,"latency":%s})",
      workload, seconds, transactions, rate, throughput, errors, latency.ToJson());
}

absl::StatusOr<ClientResult> RunClient(const std::string& workload, const ClientOptions& options) {
  ClientResult result;
  result.workload = workload;
  absl::Status status;
  if (workload == "tcp_rr") {
    status = TcpRequestResponse(options, result);
  } else if (workload == "tcp_crr") {
    status = TcpConnectRequestResponse(options, result);
  } else if (workload == "tcp_stream") {
    status = TcpStream(options, result);
  } else if (workload == "udp_rr") {
    status = UdpRequestResponse(options, result);
  } else {
    return absl::InvalidArgumentError(absl::StrCat("'", workload, "' is no workload"));
  }
  RETURN_IF_ERROR(status);
  if (result.transactions == 0) {
    return absl::UnavailableError(absl::StrCat(workload, ": no transaction succeeded"));
  }
  return result;
}

}  // namespace fairlead::bench
