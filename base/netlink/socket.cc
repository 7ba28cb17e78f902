#include "base/netlink/socket.h"

#include <sys/socket.h>

#include <cerrno>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/netns.h"
#include "base/status_macros.h"

namespace fairlead::netlink {
namespace {

constexpr size_t kBufferSize = 64 << 10;

// The kernel's explanation, appended to an error message when the request asked for it.
std::string ExtendedAck(const nlmsghdr* reply, const nlmsgerr* error) {
  if ((reply->nlmsg_flags & NLM_F_ACK_TLVS) == 0) return "";
  size_t skip = sizeof(nlmsgerr);
  if ((reply->nlmsg_flags & NLM_F_CAPPED) == 0) skip += error->msg.nlmsg_len - sizeof(nlmsghdr);
  const size_t offset = NLMSG_LENGTH(NLMSG_ALIGN(skip));
  if (reply->nlmsg_len <= offset) return "";
  const Attributes attributes(reinterpret_cast<const char*>(reply) + offset, reply->nlmsg_len - offset);
  return attributes.String(NLMSGERR_ATTR_MSG);
}

absl::Status ErrorOf(const nlmsghdr* reply) {
  const auto* error = static_cast<const nlmsgerr*>(NLMSG_DATA(reply));
  if (error->error == 0) return absl::OkStatus();
  const std::string words = ExtendedAck(reply, error);
  return ErrnoError(-error->error, words.empty() ? "netlink" : absl::StrCat("netlink (", words, ")"));
}

}  // namespace

absl::StatusOr<Socket> Socket::Open(int protocol) {
  UniqueFd fd(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol));
  if (!fd.valid()) return ErrnoError(errno, "open a netlink socket");
  const int on = 1;
  // Both improve what comes back on kernels that know them; neither is needed.
  setsockopt(fd.get(), SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
  setsockopt(fd.get(), SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof(on));
  return Socket(std::move(fd));
}

absl::StatusOr<Socket> Socket::OpenIn(int netns_fd) {
  ASSIGN_OR_RETURN(NetnsScope scope, NetnsScope::Enter(netns_fd));
  return Open();
}

absl::Status Socket::Execute(Message& message) {
  return Query(message, [](const nlmsghdr*) {});
}

absl::Status Socket::ExecuteTogether(std::vector<Message>& messages, size_t acknowledged) {
  const uint32_t first = sequence_ + 1;
  uint32_t awaited = 0;
  std::vector<char> bytes;
  for (size_t i = 0; i < messages.size(); ++i) {
    nlmsghdr* request = messages[i].Finish();
    request->nlmsg_seq = ++sequence_;
    if (i == acknowledged) {
      request->nlmsg_flags |= NLM_F_ACK;
      awaited = request->nlmsg_seq;
    }
    const char* begin = reinterpret_cast<const char*>(request);
    bytes.insert(bytes.end(), begin, begin + request->nlmsg_len);
    bytes.resize(NLMSG_ALIGN(bytes.size()));
  }
  if (send(fd_.get(), bytes.data(), bytes.size(), 0) < 0) return ErrnoError(errno, "send netlink requests");
  return Receive([first, awaited](const nlmsghdr* reply) -> std::optional<absl::Status> {
    if (reply->nlmsg_seq < first || reply->nlmsg_type != NLMSG_ERROR) return std::nullopt;
    absl::Status status = ErrorOf(reply);
    if (!status.ok() || reply->nlmsg_seq == awaited) return status;
    return std::nullopt;
  });
}

absl::Status Socket::Query(Message& message, const std::function<void(const nlmsghdr*)>& visit) {
  nlmsghdr* request = message.Finish();
  request->nlmsg_seq = ++sequence_;
  if ((request->nlmsg_flags & NLM_F_DUMP) != NLM_F_DUMP) request->nlmsg_flags |= NLM_F_ACK;
  if (send(fd_.get(), request, request->nlmsg_len, 0) < 0) return ErrnoError(errno, "send netlink request");
  return Receive([this, &visit](const nlmsghdr* reply) -> std::optional<absl::Status> {
    if (reply->nlmsg_seq != sequence_) return std::nullopt;  // the rest of a request that failed half-way
    if (reply->nlmsg_type == NLMSG_DONE) return absl::OkStatus();
    if (reply->nlmsg_type == NLMSG_ERROR) return ErrorOf(reply);
    visit(reply);
    return std::nullopt;
  });
}

absl::Status Socket::Receive(const std::function<std::optional<absl::Status>(const nlmsghdr*)>& take) {
  std::vector<char> buffer(kBufferSize);
  while (true) {
    const ssize_t received = recv(fd_.get(), buffer.data(), buffer.size(), 0);
    if (received < 0) {
      if (errno == EINTR) continue;
      return ErrnoError(errno, "receive netlink reply");
    }
    auto left = static_cast<uint32_t>(received);
    for (auto* reply = reinterpret_cast<nlmsghdr*>(buffer.data()); NLMSG_OK(reply, left);
         reply = NLMSG_NEXT(reply, left)) {
      if (std::optional<absl::Status> end = take(reply)) return *std::move(end);
    }
  }
}

}  // namespace fairlead::netlink
