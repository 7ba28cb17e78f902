#include "cli/probe/server.h"

#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "cli/probe/socket.h"

namespace fairlead::probe {
namespace {

constexpr size_t kMaxLine = 64 << 10;

bool IsHttpRequest(const std::string& line) {
  return absl::EndsWith(line, "HTTP/1.1") || absl::EndsWith(line, "HTTP/1.0");
}

std::string HttpAnswer(const std::string& body) {
  return absl::StrCat("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: ", body.size(),
                      "\r\nConnection: close\r\n\r\n", body);
}

absl::Status Watch(int epoll, int fd, uint32_t events) {
  epoll_event event{.events = events, .data = {.fd = fd}};
  if (::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0) return ErrnoError(errno, "watch a socket");
  return absl::OkStatus();
}

}  // namespace

struct Server::Connection {
  UniqueFd fd;
  std::string client;
  std::string in;
  std::string out;
  bool close_when_sent = false;
};

Server::Server(std::string host) : host_(std::move(host)), epoll_(::epoll_create1(EPOLL_CLOEXEC)) {}
Server::Server(Server&&) noexcept = default;
Server& Server::operator=(Server&&) noexcept = default;
Server::~Server() = default;

absl::StatusOr<Server> Server::Open(const std::vector<Listen>& listens, const std::string& host) {
  Server server(host);
  if (!server.epoll_.valid()) return ErrnoError(errno, "open epoll");
  for (const Listen& listen : listens) {
    absl::Status status = server.AddListener(listen);
    if (absl::IsUnimplemented(status)) {
      server.left_out_.push_back(
          absl::StrCat(ToString(listen.protocol), ":", listen.port, ": ", status.message()));
    } else if (!status.ok()) {
      return status;
    }
  }
  return server;
}

absl::Status Server::AddListener(const Listen& listen) {
  const std::string what = absl::StrCat("listen on ", ToString(listen.protocol), " port ", listen.port);
  IpAddress any;
  auto socket = OpenSocket(AF_INET6, listen.protocol);
  if (!socket.ok()) {  // a host without IPv6
    socket = OpenSocket(AF_INET, listen.protocol);
    any = IpAddress::FromV4(0);
  }
  if (!socket.ok()) return WrapError(socket.status(), what);
  UniqueFd fd = std::move(*socket);
  const int on = 1;
  const int off = 0;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (!any.is_v4()) {
    ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    // Tells a datagram's destination: the answer leaves from there, whichever address that is.
    ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof on);
  }
  const SocketAddress address = SocketAddress::Of(any, listen.port);
  if (::bind(fd.get(), address.get(), address.length) != 0) return ErrnoError(errno, what);
  if (listen.protocol != Protocol::kUdp && ::listen(fd.get(), SOMAXCONN) != 0) return ErrnoError(errno, what);
  RETURN_IF_ERROR(Watch(epoll_.get(), fd.get(), EPOLLIN));
  const int number = fd.get();
  listeners_[number] = {std::move(fd), listen.protocol};
  return absl::OkStatus();
}

absl::Status Server::Run(int stop_fd) {
  RETURN_IF_ERROR(Watch(epoll_.get(), stop_fd, EPOLLIN));
  while (true) {
    epoll_event events[64];
    const int count = ::epoll_wait(epoll_.get(), events, 64, -1);
    if (count < 0 && errno != EINTR) return ErrnoError(errno, "wait for connections");
    for (int i = 0; i < count; ++i) {
      const int fd = events[i].data.fd;
      if (fd == stop_fd) return absl::OkStatus();
      if (const auto listener = listeners_.find(fd); listener != listeners_.end()) {
        if (listener->second.protocol == Protocol::kUdp) {
          AnswerDatagram(fd);
        } else {
          Accept(fd);
        }
      } else if (const auto found = connections_.find(fd); found != connections_.end()) {
        if (!Serve(*found->second)) connections_.erase(found);
      }
    }
  }
}

void Server::Accept(int listener) {
  sockaddr_storage peer{};
  socklen_t length = sizeof peer;
  UniqueFd fd(::accept4(listener, reinterpret_cast<sockaddr*>(&peer), &length, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!fd.valid()) return;  // the client has gone already
  if (!Watch(epoll_.get(), fd.get(), EPOLLIN | EPOLLOUT | EPOLLET).ok()) return;
  const int number = fd.get();
  auto connection = std::make_unique<Connection>();
  connection->fd = std::move(fd);
  connection->client = Describe(peer);
  connections_[number] = std::move(connection);
}

bool Server::Serve(Connection& connection) {
  char buffer[16 * 1024];
  bool open = true;
  while (open) {
    const ssize_t count = ::recv(connection.fd.get(), buffer, sizeof buffer, 0);
    if (count < 0 && errno == EAGAIN) break;
    if (count <= 0) open = false;
    if (count > 0) connection.in.append(buffer, static_cast<size_t>(count));
    if (connection.in.size() > kMaxLine && connection.in.find('\n') == std::string::npos) return false;
    size_t begin = 0;
    for (size_t end; (end = connection.in.find('\n', begin)) != std::string::npos; begin = end + 1) {
      if (connection.close_when_sent) continue;  // the rest of an HTTP request
      std::string line = connection.in.substr(begin, end - begin);
      if (!line.empty() && line.back() == '\r') line.pop_back();
      const std::string answer = Answer(connection.client, line);
      connection.close_when_sent = IsHttpRequest(line);
      connection.out += connection.close_when_sent ? HttpAnswer(answer) : answer;
    }
    connection.in.erase(0, begin);
  }
  while (!connection.out.empty()) {
    const ssize_t count =
        ::send(connection.fd.get(), connection.out.data(), connection.out.size(), MSG_NOSIGNAL);
    if (count < 0) return errno == EAGAIN && open;
    connection.out.erase(0, static_cast<size_t>(count));
  }
  return open && !connection.close_when_sent;
}

void Server::AnswerDatagram(int fd) {
  char buffer[kMaxLine];
  char control[256];
  sockaddr_storage peer{};
  iovec data{.iov_base = buffer, .iov_len = sizeof buffer};
  msghdr message{};
  message.msg_name = &peer;
  message.msg_namelen = sizeof peer;
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  const ssize_t count = ::recvmsg(fd, &message, 0);
  if (count < 0) return;  // an ICMP error of an earlier answer
  std::string line(buffer, static_cast<size_t>(count));
  while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.pop_back();
  std::string answer = Answer(Describe(peer), line);
  data = {.iov_base = answer.data(), .iov_len = answer.size()};
  // The control data that came with the question names its destination: our source now.
  if (message.msg_controllen == 0) message.msg_control = nullptr;
  message.msg_flags = 0;
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != IPPROTO_IPV6 || header->cmsg_type != IPV6_PKTINFO) continue;
    in6_pktinfo info;
    std::memcpy(&info, CMSG_DATA(header), sizeof info);
    info.ipi6_ifindex = 0;  // routing picks the device
    std::memcpy(CMSG_DATA(header), &info, sizeof info);
  }
  ::sendmsg(fd, &message, MSG_NOSIGNAL);
}

std::string Server::Answer(const std::string& client, const std::string& line) const {
  return absl::StrCat(host_, " ", client, " ", line, "\n");
}

}  // namespace fairlead::probe
