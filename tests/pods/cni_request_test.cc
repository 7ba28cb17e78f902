#include "agent/cni/cni_request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "agent/details.h"
#include "nlohmann/json.hpp"

namespace fairlead::agent {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

const json& WholeAdd() {
  static const json add = json::parse(R"({"version":1,"command":"ADD","containerId":"s1","ifName":"eth0",
    "netns":"/run/netns/x","podNamespace":"shop","podName":"cart-0","podUid":"u1",
    "requestedAddresses":["10.244.1.9"],"requestedMac":"02:00:00:00:00:09",
    "portMappings":[{"hostPort":8080,"containerPort":80,"protocol":"tcp","hostIP":"0.0.0.0"}]})");
  return add;
}

absl::StatusOr<CniRequest> Parse(const std::string& line) {
  absl::StatusOr<std::variant<CniRequest, CniCommit>> parsed = ParseCniLine(line);
  if (!parsed.ok()) return parsed.status();
  return std::get<CniRequest>(*parsed);
}

TEST(CniRequest, ReadsAnAddWithEverything) {
  absl::StatusOr<CniRequest> request = Parse(WholeAdd().dump());
  ASSERT_TRUE(request.ok()) << request.status();
  EXPECT_EQ(request->key(), "s1/eth0");
  EXPECT_EQ(request->pod.requested[0].ToString(), "10.244.1.9");
  EXPECT_EQ((*request->pod.requested_mac)[5], 9);
  ASSERT_EQ(request->pod.port_mappings.size(), 1u);
  EXPECT_EQ(request->pod.port_mappings[0].host_ip, IpAddress()) << "0.0.0.0: every address, of both families";
}

TEST(CniRequest, RefusesWhatTheSchemaDoesNotHave) {
  const std::vector<std::pair<std::string, json>> spoilt = {
      {"version", 2},
      {"version", "1"},
      {"command", "EXEC"},
      {"command", 1},
      {"containerId", ""},
      {"containerId", "../x"},
      {"containerId", 5},
      {"ifName", nullptr},
      {"podName", ""},
      {"requestedMac", "xx"},
      {"requestedMac", "01:00:00:00:00:00"},
      {"requestedAddresses", "10.0.0.1"},
      {"requestedAddresses", {5}},
      {"requestedAddresses", {"10.0.0.1/24"}},
      {"portMappings", {{{"hostPort", 1}}}},
      {"portMappings", {5}},
      {"portMappings", {{{"hostPort", 0}, {"containerPort", 1}, {"protocol", "tcp"}}}},
      {"portMappings", {{{"hostPort", -1}, {"containerPort", 1}, {"protocol", "tcp"}}}},
      {"portMappings", {{{"hostPort", 1}, {"containerPort", 1}, {"protocol", "icmp"}}}},
      {"portMappings", {{{"hostPort", 1}, {"containerPort", 1}, {"protocol", "tcp"}, {"x", 1}}}},
      {"netns", std::string(5000, 'x')},
      {"foreign", 1}};
  for (const auto& [key, value] : spoilt) {
    json request = WholeAdd();
    request[key] = value;
    EXPECT_EQ(Parse(request.dump()).status().code(), absl::StatusCode::kInvalidArgument)
        << key << " " << value;
  }
  for (const char* line :
       {"", "x", "[]", "5", "{}", R"({"version":1})", R"({"commit":{}})", R"({"commit":5})",
        R"({"commit":{"hostInterfaceIndex":0}})", R"({"commit":{"hostInterfaceIndex":7,"x":1}})",
        R"({"commit":{"hostInterfaceIndex":7},"version":1})", R"({"version":1,"command":"GC"})",
        R"({"version":1,"command":"GC","attachments":[{}]})"}) {
    EXPECT_EQ(ParseCniLine(line).status().code(), absl::StatusCode::kInvalidArgument) << line;
  }
}

TEST(CniRequest, SurvivesWhateverIsDoneToALine) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  const std::string whole = WholeAdd().dump();
  for (int i = 0; i < 50'000; ++i) {
    std::string line = whole.substr(0, random() % (whole.size() + 1));
    for (unsigned flips = random() % 4; flips > 0 && !line.empty(); --flips) {
      line[random() % line.size()] = static_cast<char>(random());
    }
    ParseCniLine(line).status().IgnoreError();
  }
  EXPECT_FALSE(ParseCniLine(std::string(60'000, '[')).ok());
}

TEST(CniRequest, ErrorsCarryTheSpecificationsCodes) {
  const std::vector<std::pair<absl::Status, int>> codes = {{absl::InvalidArgumentError("x"), 7},
                                                           {absl::NotFoundError("x"), 3},
                                                           {absl::ResourceExhaustedError("x"), 11},
                                                           {absl::UnavailableError("x"), 11},
                                                           {absl::DeadlineExceededError("x"), 11},
                                                           {absl::FailedPreconditionError("x"), 101},
                                                           {absl::InternalError("x"), 5}};
  for (const auto& [status, code] : codes) {
    const json error = json::parse(ErrorLine(WithDetails(status, "do this")))["error"];
    EXPECT_EQ(error["code"], code) << status;
    EXPECT_EQ(error["msg"], "x");
    EXPECT_EQ(error["details"], "do this");
  }
}

TEST(CniRequest, PreparedNamesOneGatewayForEachFamily) {
  PreparedReply reply{.mtu = 1450};
  reply.lease.addresses = {*IpAddress::Parse("fd00::5")};
  reply.lease.host_interface = "flp00000000001";
  const json prepared = json::parse(PreparedLine(reply))["prepared"];
  EXPECT_EQ(prepared["gateways"], json({"fe80::1"}));
  EXPECT_EQ(prepared["mtu"], 1450);
  EXPECT_FALSE(prepared.contains("existing"));
}

}  // namespace
}  // namespace fairlead::agent
