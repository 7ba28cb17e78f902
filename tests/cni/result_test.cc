#include "cni/result.h"

#include <gtest/gtest.h>

#include "nlohmann/json.hpp"

namespace fairlead::cni {
namespace {

using nlohmann::json;

Result Own() {
  Result result;
  result.interfaces = {{.name = "flp0", .mac = "02:00:00:00:00:01", .mtu = 1450},
                       {.name = "eth0", .mac = "02:00:00:00:00:02", .mtu = 1450, .sandbox = "/run/netns/p"}};
  result.ips = {{"10.244.1.5/32", "169.254.1.1", 1}, {"fd00::5/128", "fe80::1", 1}};
  result.routes = {{.dst = "0.0.0.0/0", .gw = "169.254.1.1"}};
  return result;
}

TEST(Result, EachVersionHasItsFields) {
  const json v040 = json::parse(ResultJson(Own(), "0.4.0"));
  EXPECT_EQ(v040["cniVersion"], "0.4.0");
  EXPECT_EQ(v040["ips"][0]["version"], "4");
  EXPECT_EQ(v040["ips"][1]["version"], "6");
  EXPECT_FALSE(v040["interfaces"][0].contains("mtu"));
  const json v100 = json::parse(ResultJson(Own(), "1.0.0"));
  EXPECT_FALSE(v100["ips"][0].contains("version"));
  EXPECT_FALSE(v100["interfaces"][0].contains("mtu"));
  const json v110 = json::parse(ResultJson(Own(), "1.1.0"));
  EXPECT_EQ(v110["interfaces"][1]["mtu"], 1450);
  EXPECT_EQ(v110["interfaces"][1]["sandbox"], "/run/netns/p");
  EXPECT_FALSE(v110["interfaces"][0].contains("sandbox"));
}

TEST(Result, ReadsBackWhatItWrites) {
  absl::StatusOr<Result> read = ParseResult(json::parse(ResultJson(Own(), "1.1.0")));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(ResultJson(*read, "1.1.0"), ResultJson(Own(), "1.1.0"));
}

TEST(Result, MergeKeepsThePreviousAndMovesIndices) {
  Result previous;
  previous.interfaces = {{.name = "br0"}};
  previous.ips = {{"192.0.2.1/24", "", 0}};
  previous.dns.nameservers = {"192.0.2.53"};
  const Result merged = Merge(previous, Own());
  ASSERT_EQ(merged.interfaces.size(), 3u);
  EXPECT_EQ(merged.interfaces[0].name, "br0");
  ASSERT_EQ(merged.ips.size(), 3u);
  EXPECT_EQ(merged.ips[0].interface_index, 0);
  EXPECT_EQ(merged.ips[1].interface_index, 2);
  EXPECT_EQ(merged.dns.nameservers.size(), 1u);
}

}  // namespace
}  // namespace fairlead::cni
