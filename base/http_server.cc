#include "base/http_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>
#include <vector>

#include "absl/memory/memory.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/ip.h"
#include "base/status_macros.h"

namespace fairlead {
namespace {

constexpr int kBacklog = 64;
constexpr auto kPatience = std::chrono::seconds(10);
// An answer is handed to the kernel whole; the largest (metrics) has some 20 KiB.
constexpr int kSendBuffer = 1 << 20;
constexpr char kTextType[] = "text/plain; charset=utf-8";

struct Endpoint {
  sockaddr_storage storage{};
  socklen_t size = 0;
};

absl::StatusOr<Endpoint> ParseListen(const std::string& listen, const std::string& option) {
  const size_t colon = listen.rfind(':');
  uint32_t port = 0;
  if (colon == std::string::npos || !absl::SimpleAtoi(listen.substr(colon + 1), &port) || port > 65535) {
    return absl::InvalidArgumentError(
        absl::StrCat(option, " ", listen, ": give ADDRESS:PORT, such as 127.0.0.1:9964"));
  }
  std::string host = listen.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  absl::StatusOr<IpAddress> address = IpAddress::Parse(host);
  if (!address.ok()) return WrapError(address.status(), absl::StrCat(option, " ", listen));
  Endpoint endpoint;
  if (address->is_v4()) {
    sockaddr_in to{.sin_family = AF_INET, .sin_port = htons(static_cast<uint16_t>(port))};
    to.sin_addr.s_addr = htonl(address->v4());
    memcpy(&endpoint.storage, &to, endpoint.size = sizeof(to));
  } else {
    sockaddr_in6 to{.sin6_family = AF_INET6, .sin6_port = htons(static_cast<uint16_t>(port))};
    memcpy(&to.sin6_addr, address->bytes().data(), sizeof(to.sin6_addr));
    memcpy(&endpoint.storage, &to, endpoint.size = sizeof(to));
  }
  return endpoint;
}

uint16_t PortOf(int fd) {
  Endpoint local;
  local.size = sizeof(local.storage);
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&local.storage), &local.size) != 0) return 0;
  sockaddr_in address;  // the port is at the same place in both families
  memcpy(&address, &local.storage, sizeof(address));
  return ntohs(address.sin_port);
}

std::string Response(const char* status, const std::string& type, const std::string& text) {
  return absl::StrCat("HTTP/1.1 ", status, "\r\nContent-Type: ", type, "\r\nContent-Length: ", text.size(),
                      "\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n", text);
}

}  // namespace

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Listen(const std::string& listen,
                                                               const std::string& option, EventLoop* loop,
                                                               Handler handler) {
  ASSIGN_OR_RETURN(const Endpoint endpoint, ParseListen(listen, option));
  UniqueFd fd(::socket(endpoint.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.valid()) return ErrnoError(errno, "open a TCP socket");
  const int on = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDBUF, &kSendBuffer, sizeof(kSendBuffer));
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&endpoint.storage), endpoint.size) != 0 ||
      ::listen(fd.get(), kBacklog) != 0) {
    return ErrnoError(errno, absl::StrCat("serve HTTP on ", listen, " (", option, ")"));
  }
  const int listener = fd.get();
  auto server = absl::WrapUnique(new HttpServer(std::move(fd), PortOf(listener), loop, std::move(handler)));
  RETURN_IF_ERROR(loop->Watch(listener, [raw = server.get()] { raw->Accept(); }));
  return server;
}

HttpServer::~HttpServer() {
  loop_->Unwatch(listener_.get());
  while (!connections_.empty()) Close(connections_.begin()->first);
}

void HttpServer::Accept() {
  while (true) {
    UniqueFd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!fd.valid()) return;
    if (connections_.size() >= kMaxConnections) continue;  // closes it
    const int raw = fd.get();
    if (!loop_->Watch(raw, [this, raw] { Read(raw); }).ok()) continue;
    connections_[raw] = {std::move(fd), "", loop_->After(kPatience, [this, raw] {
                           connections_.at(raw).timer = 0;
                           Close(raw);
                         })};
  }
}

void HttpServer::Read(int fd) {
  Connection& connection = connections_.at(fd);
  char buffer[2048];
  const ssize_t got = ::recv(fd, buffer, sizeof(buffer), 0);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0) {
    Close(fd);
    return;
  }
  connection.input.append(buffer, static_cast<size_t>(got));
  const bool whole = connection.input.find("\r\n\r\n") != std::string::npos;
  if (!whole && connection.input.size() <= kMaxRequest) return;
  const std::string answer = whole ? Answer(connection.input.substr(0, connection.input.find("\r\n")))
                                   : Response("431 Request Header Fields Too Large", kTextType,
                                              "the request is longer than 8 KiB\n");
  // Who does not take it at once gets what fits: there is one answer a connection, and no queue.
  [[maybe_unused]] const ssize_t sent = ::send(fd, answer.data(), answer.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  Close(fd);
}

void HttpServer::Close(int fd) {
  auto found = connections_.find(fd);
  if (found == connections_.end()) return;
  if (found->second.timer != 0) loop_->Cancel(found->second.timer);
  loop_->Unwatch(fd);
  connections_.erase(found);
}

std::string HttpServer::Answer(const std::string& request_line) const {
  const std::vector<std::string> words = absl::StrSplit(request_line, ' ');
  if (words.size() != 3 || words[2].rfind("HTTP/1.", 0) != 0) {
    return Response("400 Bad Request", kTextType, "this is no HTTP/1 request\n");
  }
  if (words[0] != "GET") return Response("405 Method Not Allowed", kTextType, "only GET is served\n");
  const std::string path = words[1].substr(0, words[1].find('?'));
  const HttpReply reply = handler_(path);
  const char* status = reply.status == 200   ? "200 OK"
                       : reply.status == 404 ? "404 Not Found"
                                             : "503 Service Unavailable";
  return Response(status, reply.type, reply.body);
}

}  // namespace fairlead
