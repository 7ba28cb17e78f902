#include "bench/load/client.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>

#include "bench/load/serial_server.h"

namespace fairlead::bench {
namespace {

// A port that nobody listens on now, for TCP and UDP.
uint16_t FreePort() {
  auto address = *ParseAddress("127.0.0.1", 0);
  const UniqueFd fd = *TcpListener(address);
  address.length = sizeof address.storage;
  getsockname(fd.get(), address.get(), &address.length);
  return ntohs(reinterpret_cast<sockaddr_in*>(&address.storage)->sin_port);
}

class ClientTest : public testing::TestWithParam<std::string> {};

TEST_P(ClientTest, MeasuresAgainstTheServer) {
  const SocketAddress address = *ParseAddress("127.0.0.1", FreePort());
  std::thread([address] { (void)ServeSerially(address); }).detach();
  absl::StatusOr<ClientResult> result = absl::UnavailableError("not tried");
  const int64_t deadline = NowNs() + 60'000'000'000;
  while (!result.ok() && NowNs() < deadline) {
    result = RunClient(GetParam(), {.server = address, .seconds = 0.2, .warm_up_seconds = 0.05});
  }
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_GT(result->transactions, 0u);
  EXPECT_EQ(result->latency.count(), result->transactions);
  EXPECT_EQ(result->errors, 0u);
  EXPECT_GT(result->seconds, 0.0);
  EXPECT_NE(result->ToJson().find("\"p50_ns\""), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(Workloads, ClientTest, testing::Values("tcp_rr", "tcp_crr", "tcp_stream", "udp_rr"));

TEST(Client, FailsWhenNobodyAnswers) {
  const SocketAddress address = *ParseAddress("127.0.0.1", FreePort());
  EXPECT_FALSE(RunClient("tcp_crr", {.server = address, .seconds = 0.2}).ok());
  EXPECT_FALSE(RunClient("tcp_rr", {.server = address, .seconds = 0.2}).ok());
}

TEST(Client, RefusesAnUnknownWorkload) {
  EXPECT_FALSE(RunClient("sctp_rr", {.server = *ParseAddress("127.0.0.1", 1)}).ok());
}

}  // namespace
}  // namespace fairlead::bench
