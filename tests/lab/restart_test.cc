// Agents die and come back under traffic: nothing is lost and nothing waits.
#include <gtest/gtest.h>

#include <thread>

#include "tests/lab/lab.h"
#include "tests/lab/manifests.h"

namespace fairlead::test {
namespace {

constexpr int kKills = 20;

std::string Cluster() {
  const std::string ports =
      "{name: http, containerPort: 8080}, {name: echo, containerPort: 7, protocol: UDP}";
  return Namespace("a", "x: y") + Pod("a", "client", "node-1", "app: client", "") +
         Pod("a", "near", "node-1", "app: server", ports) + Pod("a", "far", "node-2", "app: server", ports) +
         Policy("a", "server",
                "  podSelector: {matchLabels: {app: server}}\n"
                "  ingress: [{from: [{podSelector: {matchLabels: {app: client}}}]}]\n");
}

struct Stream {
  std::string name;
  std::vector<std::string> args;
  nlohmann::json report;
};

TEST(RestartTest, TwentyKillsOfTheAgentLoseNothing) {
  const Lab lab(Cluster());
  ASSERT_TRUE(lab.up());
  std::vector<Stream> streams;
  for (const char* server : {"a/near", "a/far"}) {
    for (const int family : {4, 6}) {
      const std::string address = lab.Address("pod", server, family);
      const std::string name = std::string(server) + " IPv" + std::to_string(family);
      streams.push_back({name + " TCP", {Lab::At(address, 8080)}});
      streams.push_back({name + " UDP", {Lab::At(address, 7) + "/udp"}});
      streams.push_back({name + " new connections", {Lab::At(address, 8080), "--new-connections"}});
    }
  }
  std::vector<std::thread> threads;
  for (Stream& stream : streams) {
    threads.emplace_back([&lab, &stream] {
      std::vector<std::string> args{"stream", "--duration", "20", "--interval-ms", "20"};
      args.insert(args.end(), stream.args.begin(), stream.args.end());
      stream.report = lab.ProbeJson("a/client", args);
    });
  }
  // Each kill hits an agent that has come up: it then holds everything again.
  for (int i = 0; i < kKills; ++i) {
    const std::string node = i % 2 == 0 ? "node-1" : "node-2";
    EXPECT_TRUE(Eventually(5000,
                           [&] {
                             const Output status = lab.Fairlead({"status", "-o", "json"});
                             const auto json = nlohmann::json::parse(status.out, nullptr, false);
                             return json.is_object() && json.contains(node) &&
                                    json[node].value("ready", false);
                           }))
        << node << " did not come back before kill " << i;
    const Output kill = lab.Fairlead({"lab", "kill", node});
    EXPECT_EQ(kill.exit_code, 0) << kill.err;
  }
  for (std::thread& thread : threads) thread.join();
  for (const Stream& stream : streams) {
    EXPECT_EQ(stream.report.value("end", ""), "ok") << stream.name << " " << stream.report;
    EXPECT_EQ(stream.report.value("lost", -1), 0) << stream.name << " " << stream.report;
    EXPECT_GT(stream.report.value("sent", 0), 300) << stream.name;
  }
  EXPECT_TRUE(Eventually(10'000, [&] { return lab.Fairlead({"status"}).exit_code == 0; }));
}

TEST(RestartTest, PoliciesStayInForceWhileTheAgentIsDown) {
  const Lab lab(Cluster() + Pod("a", "stranger", "node-2", "app: stranger", ""));
  ASSERT_TRUE(lab.up());
  const std::string target = Lab::At(lab.Address("pod", "a/near"), 8080);
  lab.Fairlead({"lab", "kill", "node-1", "--down-ms", "3000"});
  lab.Fairlead({"lab", "kill", "node-2", "--down-ms", "3000"});
  EXPECT_EQ(lab.Probe("a/client", target), "ok");
  EXPECT_EQ(lab.Probe("a/stranger", target), "timeout");
  EXPECT_TRUE(Eventually(10'000, [&] { return lab.Fairlead({"status"}).exit_code == 0; }));
  EXPECT_EQ(lab.Probe("a/client", target), "ok");
  EXPECT_EQ(lab.Probe("a/stranger", target), "timeout");
}

}  // namespace
}  // namespace fairlead::test
