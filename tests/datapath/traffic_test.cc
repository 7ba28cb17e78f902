// Real traffic through the attached programs: what a test run of a program cannot show. Segments that the
// device cuts, checksums that it fills in, fragments, answers to sockets.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <thread>

#include "tests/datapath/lab_node.h"

namespace fairlead::datapath {
namespace {

constexpr size_t kStreamBytes = 4 << 20;

// The parameter: IPv6?
class TrafficTest : public ::testing::TestWithParam<bool> {
 protected:
  static void SetUpTestSuite() {
    static const bool once = (BecomeNode(), true);
    (void)once;
  }

  void SetUp() override {
    options_.pin_dir = BpfDir() + "/fairlead";
    options_.max_connections = 1 << 12;
    auto opened = Datapath::Open(options_);
    ASSERT_TRUE(opened.ok()) << opened.status();
    datapath_ = *std::move(opened);
    node_ = std::make_unique<LabNode>();
    for (int number : {1, 2}) {
      const LabPod& pod = node_->AddPod(number == 1 ? "a" : "b", number);
      const absl::Status attached = datapath_->AttachPod(pod.endpoint.ifindex);
      ASSERT_TRUE(attached.ok()) << attached;
    }
    state_ = node_->OpenState();
    state_.settings.masquerade = true;
  }

  void TearDown() override {
    datapath_.reset();
    EXPECT_TRUE(RemoveAll(options_).ok());
    node_->RemovePod("a");
    node_->RemovePod("b");
  }

  void Apply() {
    auto report = datapath_->Apply(state_, false);
    ASSERT_TRUE(report.ok()) << report.status();
    for (const auto& failure : report->failures) {
      ADD_FAILURE() << failure.kind << " " << failure.name << ": " << failure.status;
    }
  }

  bool ipv6() const { return GetParam(); }
  IpAddress Pod(const std::string& name) { return node_->pod(name).endpoint.addresses[ipv6() ? 1 : 0]; }
  int Netns(const std::string& name) { return node_->pod(name).netns.get(); }
  IpAddress Node() const { return *IpAddress::Parse(ipv6() ? "fd00:50::1" : "192.168.50.1"); }
  IpAddress Outside() const { return *IpAddress::Parse(ipv6() ? "fd00:50::2" : "192.168.50.2"); }
  IpAddress Vip() const { return *IpAddress::Parse(ipv6() ? "fd00:10:96::9" : "10.96.0.9"); }

  // TCP and UDP port 80 of the Service at Vip(), served by `pods` on port 8080, NodePort 30080.
  void Serve(const std::vector<std::string>& pods) {
    Service service{.namespace_name = "test", .name = "web", .cluster_ips = {Vip()}};
    for (uint8_t protocol : {uint8_t{IPPROTO_TCP}, uint8_t{IPPROTO_UDP}}) {
      ServicePort port{.name = "web", .protocol = protocol, .port = 80, .node_port = 30080};
      for (const std::string& pod : pods) {
        port.backends.push_back({.address = Pod(pod), .port = 8080, .pod = "test/" + pod, .node = "node-1"});
      }
      service.ports.push_back(port);
    }
    state_.services["test/web"] = service;
    Apply();
  }

  // Who the other end of `fd` is to this end.
  static IpAddress Peer(int fd) {
    sockaddr_storage storage{};
    socklen_t size = sizeof(storage);
    getpeername(fd, reinterpret_cast<sockaddr*>(&storage), &size);
    std::string bytes;
    if (storage.ss_family == AF_INET) {
      const auto* v4 = reinterpret_cast<sockaddr_in*>(&storage);
      bytes.assign(reinterpret_cast<const char*>(&v4->sin_addr), 4);
    } else {
      const auto* v6 = reinterpret_cast<sockaddr_in6*>(&storage);
      bytes.assign(reinterpret_cast<const char*>(&v6->sin6_addr), 16);
    }
    return *IpAddress::FromBytes(bytes);
  }

  // Sends a pattern from `from` to `to` and says whether it arrived whole.
  static bool Streams(int from, int to) {
    std::string sent(kStreamBytes, 0);
    for (size_t i = 0; i < sent.size(); ++i) sent[i] = static_cast<char>(i * 31 + i / 251);
    std::thread sender([&] {
      size_t done = 0;
      while (done < sent.size()) {
        pollfd waiting{from, POLLOUT, 0};
        if (poll(&waiting, 1, 5000) != 1) return;
        const ssize_t n = send(from, sent.data() + done, sent.size() - done, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n <= 0) return;
        done += static_cast<size_t>(n);
      }
    });
    std::string got;
    while (got.size() < sent.size()) {
      pollfd waiting{to, POLLIN, 0};
      char buffer[1 << 16];
      if (poll(&waiting, 1, 5000) != 1) break;
      const ssize_t n = recv(to, buffer, sizeof(buffer), 0);
      if (n <= 0) break;
      got.append(buffer, static_cast<size_t>(n));
    }
    sender.join();
    return got == sent;
  }

  // Connects, and streams in both directions. The server's socket is `server`'s.
  void ExpectStreams(int client_netns, const IpAddress& to, uint16_t port, int server_netns,
                     const IpAddress& server, uint16_t server_port, const IpAddress& seen_as) {
    UniqueFd listener = ListenTcp(server_netns, server, server_port);
    UniqueFd client = ConnectTcp(client_netns, to, port, 2000);
    ASSERT_TRUE(client.valid());
    UniqueFd served = AcceptTcp(listener.get());
    ASSERT_TRUE(served.valid());
    EXPECT_EQ(Peer(served.get()).ToString(), seen_as.ToString());
    EXPECT_EQ(Peer(client.get()).ToString(), to.ToString());
    EXPECT_TRUE(Streams(client.get(), served.get()));
    EXPECT_TRUE(Streams(served.get(), client.get()));
  }

  // A datagram of `size` bytes there and its echo back.
  void ExpectEcho(int client_netns, const IpAddress& client_address, const IpAddress& to, uint16_t port,
                  int server_netns, const IpAddress& server_address, uint16_t server_port, size_t size) {
    UniqueFd server = BindUdp(server_netns, server_address, server_port);
    UniqueFd client = BindUdp(client_netns, client_address, 40000);
    const std::string text(size, 'q');
    ASSERT_TRUE(SendUdp(client.get(), to, port, text));
    pollfd waiting{server.get(), POLLIN, 0};
    ASSERT_EQ(poll(&waiting, 1, 2000), 1) << "the request did not arrive";
    std::string buffer(65536, 0);
    sockaddr_storage peer{};
    socklen_t peer_size = sizeof(peer);
    ssize_t got = recvfrom(server.get(), buffer.data(), buffer.size(), 0, reinterpret_cast<sockaddr*>(&peer),
                           &peer_size);
    ASSERT_EQ(buffer.substr(0, static_cast<size_t>(got)), text);
    ASSERT_EQ(
        sendto(server.get(), text.data(), text.size(), 0, reinterpret_cast<sockaddr*>(&peer), peer_size),
        static_cast<ssize_t>(size));
    waiting.fd = client.get();
    ASSERT_EQ(poll(&waiting, 1, 2000), 1) << "the answer did not come back";
    got = recv(client.get(), buffer.data(), buffer.size(), 0);
    EXPECT_EQ(buffer.substr(0, static_cast<size_t>(got)), text);
  }

  // errno with which a connection is refused; 0, EINPROGRESS or EAGAIN when it is not.
  int RefusedWith(int netns, int type, const IpAddress& to, uint16_t port) {
    UniqueFd fd = type == SOCK_STREAM ? UniqueFd() : BindUdp(netns, Pod("a"), 0);
    if (type == SOCK_STREAM) {
      // An ICMP error that comes while connect() still holds the socket counts from the second SYN on.
      return ConnectTcp(netns, to, port, 3000).valid() ? 0 : errno;
    }
    sockaddr_storage storage{};
    socklen_t size = 0;
    const std::string bytes = to.ToBytes();
    if (to.is_v4()) {
      auto* v4 = reinterpret_cast<sockaddr_in*>(&storage);
      v4->sin_family = AF_INET;
      v4->sin_port = htons(port);
      memcpy(&v4->sin_addr, bytes.data(), bytes.size());
      size = sizeof(*v4);
    } else {
      auto* v6 = reinterpret_cast<sockaddr_in6*>(&storage);
      v6->sin6_family = AF_INET6;
      v6->sin6_port = htons(port);
      memcpy(&v6->sin6_addr, bytes.data(), bytes.size());
      size = sizeof(*v6);
    }
    if (connect(fd.get(), reinterpret_cast<sockaddr*>(&storage), size) != 0) return errno;
    if (send(fd.get(), "?", 1, 0) != 1) return errno;
    pollfd waiting{fd.get(), POLLIN, 0};
    poll(&waiting, 1, 1000);
    char byte;
    return recv(fd.get(), &byte, 1, MSG_DONTWAIT) >= 0 ? 0 : errno;
  }

  Options options_;
  std::unique_ptr<Datapath> datapath_;
  std::unique_ptr<LabNode> node_;
  DesiredState state_;
};

INSTANTIATE_TEST_SUITE_P(Both, TrafficTest, ::testing::Bool(),
                         [](const auto& info) { return info.param ? "IPv6" : "IPv4"; });

TEST_P(TrafficTest, StreamsBetweenPods) {
  Apply();
  ExpectStreams(Netns("a"), Pod("b"), 8080, Netns("b"), Pod("b"), 8080, Pod("a"));
}

TEST_P(TrafficTest, StreamsBetweenPodAndNode) {
  Apply();
  ExpectStreams(Netns("a"), Node(), 8081, -1, Node(), 8081, Pod("a"));
  ExpectStreams(-1, Pod("a"), 8082, Netns("a"), Pod("a"), 8082, Node());
}

TEST_P(TrafficTest, StreamsToTheOutsideUnderTheNodesAddress) {
  Apply();
  ExpectStreams(Netns("a"), Outside(), 8083, node_->outside(), Outside(), 8083, Node());
}

TEST_P(TrafficTest, DatagramsToTheOutsideLargeOnesInFragments) {
  Apply();
  for (size_t size : {100, 4000, 30000}) {
    SCOPED_TRACE(size);
    ExpectEcho(Netns("a"), Pod("a"), Outside(), 5353, node_->outside(), Outside(), 5353, size);
  }
}

TEST_P(TrafficTest, LargeDatagramsBetweenPodsAndNode) {
  Apply();
  ExpectEcho(Netns("a"), Pod("a"), Pod("b"), 5353, Netns("b"), Pod("b"), 5353, 30000);
  ExpectEcho(-1, Node(), Pod("b"), 5353, Netns("b"), Pod("b"), 5353, 30000);
}

TEST_P(TrafficTest, StreamsThroughAService) {
  Serve({"b"});
  ExpectStreams(Netns("a"), Vip(), 80, Netns("b"), Pod("b"), 8080, Pod("a"));
}

TEST_P(TrafficTest, DatagramsThroughAServiceLargeOnesInFragments) {
  Serve({"b"});
  for (size_t size : {100, 4000, 30000}) {
    SCOPED_TRACE(size);
    ExpectEcho(Netns("a"), Pod("a"), Vip(), 80, Netns("b"), Pod("b"), 8080, size);
  }
}

TEST_P(TrafficTest, APodReachesItselfThroughItsService) {
  Serve({"a"});
  ExpectStreams(Netns("a"), Vip(), 80, Netns("a"), Pod("a"), 8080, Node());
}

TEST_P(TrafficTest, TheOutsideReachesANodePort) {
  Serve({"b"});
  ExpectStreams(node_->outside(), Node(), 30080, Netns("b"), Pod("b"), 8080, Outside());
  ExpectEcho(node_->outside(), Outside(), Node(), 30080, Netns("b"), Pod("b"), 8080, 4000);
}

TEST_P(TrafficTest, AServiceWithoutEndpointsRefusesAtOnce) {
  Serve({});
  EXPECT_EQ(RefusedWith(Netns("a"), SOCK_STREAM, Vip(), 80), ECONNREFUSED);
  EXPECT_EQ(RefusedWith(Netns("a"), SOCK_DGRAM, Vip(), 80), ECONNREFUSED);
}

TEST_P(TrafficTest, AnAddressThatNoServiceHasRefusesAtOnce) {
  state_.settings.service_cidrs = {*IpPrefix::Parse("10.96.0.0/16"), *IpPrefix::Parse("fd00:10:96::/112")};
  Serve({"b"});
  for (const int type : {SOCK_STREAM, SOCK_DGRAM}) {
    EXPECT_EQ(RefusedWith(Netns("a"), type, Vip(), 81), ECONNREFUSED);
    const IpAddress nobody = *IpAddress::Parse(ipv6() ? "fd00:10:96::99" : "10.96.0.99");
    EXPECT_EQ(RefusedWith(Netns("a"), type, nobody, 80), ECONNREFUSED);
  }
}

TEST_P(TrafficTest, AnAddressThatNoPodHasIsUnreachable) {
  Apply();
  const IpAddress nobody = *IpAddress::Parse(ipv6() ? "fd00:10:244:1::99" : "10.244.1.99");
  EXPECT_EQ(RefusedWith(Netns("a"), SOCK_STREAM, nobody, 80), EHOSTUNREACH);
}

}  // namespace
}  // namespace fairlead::datapath
