// What load balancers are told, and which routes are somebody else's.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/node/others.h"
#include "agent/node/service_health.h"
#include "kube/json.h"
#include "tests/agent/resources.h"

namespace fairlead::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kNow = 1'800'000'000 * kSecond;

HttpReply Page(const ServiceHealth& health, const std::string& path) {
  return ServiceHealthPage(health, kNow, MaxSilenceNs(30), path);
}

TEST(ServiceHealth, IsKubeProxys) {
  const HttpReply reply = Page({.serving = true, .applied_ns = kNow - 30 * kSecond}, "/healthz");
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.type, "application/json");
  EXPECT_EQ(
      reply.body,
      R"({"lastUpdated": "2027-01-15 08:00:00 +0000 UTC","currentTime": "2027-01-15 08:00:00 +0000 UTC", )"
      R"("nodeEligible": true})");
}

TEST(ServiceHealth, IsBadWhenTheDatapathWasNotProgrammedLately) {
  const HttpReply reply = Page({.serving = true, .applied_ns = kNow - 61 * kSecond}, "/healthz");
  EXPECT_EQ(reply.status, 503);
  EXPECT_EQ(kube::TextField(kube::ParseJson(reply.body).value(), {"lastUpdated"}),
            "2027-01-15 07:58:59 +0000 UTC");
  EXPECT_EQ(Page({.serving = false, .applied_ns = kNow}, "/healthz").status, 503);
  EXPECT_EQ(Page({.serving = false, .applied_ns = kNow}, "/livez").status, 503);
}

TEST(ServiceHealth, ANodeThatIsBeingDeletedIsAliveAndNotEligible) {
  const ServiceHealth health{.serving = true, .applied_ns = kNow, .leaving = true};
  const HttpReply reply = Page(health, "/healthz");
  EXPECT_EQ(reply.status, 503);
  EXPECT_FALSE(kube::TrueField(kube::ParseJson(reply.body).value(), {"nodeEligible"}));
  EXPECT_EQ(Page(health, "/livez").status, 200);
}

TEST(ServiceHealth, HasTwoPages) {
  EXPECT_EQ(Page({}, "/metrics").status, 404);
}

TEST(ServiceHealth, WaitsLongerWhereVerifyingIsRare) {
  EXPECT_EQ(MaxSilenceNs(1), 60 * kSecond);
  EXPECT_EQ(MaxSilenceNs(600), 1200 * kSecond);
}

netlink::Route RouteOf(const std::string& destination, uint8_t protocol = 4) {
  return {.destination = Prefix(destination), .ifindex = 7, .protocol = protocol};
}

TEST(ForeignRoutes, LeadOurAddressesElsewhere) {
  const std::vector<IpPrefix> cidrs = {Prefix("10.244.1.0/24"), Prefix("fd00:10:244:1::/64")};
  const std::vector<netlink::Route> ours = {RouteOf("10.244.1.5/32", netlink::kFairleadProtocol),
                                            RouteOf("10.244.2.0/24"), RouteOf("0.0.0.0/0"),
                                            RouteOf("10.244.0.0/16")};
  EXPECT_THAT(ForeignRoutes(ours, cidrs), IsEmpty());
  const std::vector<netlink::Route> foreign = {RouteOf("10.244.1.0/24"), RouteOf("10.244.1.9/32"),
                                               RouteOf("fd00:10:244:1::5/128")};
  EXPECT_THAT(ForeignRoutes(foreign, cidrs), ElementsAre(foreign[0], foreign[1], foreign[2]));
  EXPECT_THAT(ForeignRoutes(foreign, {}), IsEmpty());
}

}  // namespace
}  // namespace fairlead::agent
