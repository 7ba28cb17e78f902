// Agents die and come back under traffic: nothing is lost and nothing waits.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>

#include "base/clock.h"
#include "tests/lab/lab.h"
#include "tests/lab/load.h"
#include "tests/lab/manifests.h"
#include "tests/lab/slowdown.h"

namespace fairlead::test {
namespace {

constexpr int kKillsABlock = 3;  // of each of two nodes; in four blocks

std::string Cluster() {
  const std::string ports =
      "{name: http, containerPort: 8080}, {name: echo, containerPort: 7, protocol: UDP}";
  return Namespace("a", "x: y") + Pod("a", "client", "node-1", "app: client", "") +
         Pod("a", "near", "node-1", "app: server", ports) + Pod("a", "far", "node-2", "app: server", ports) +
         Policy("a", "server",
                "  podSelector: {matchLabels: {app: server}}\n"
                "  ingress: [{from: [{podSelector: {matchLabels: {app: client}}}]}]\n");
}

// Kills the node's agent once it has come up: it then holds everything again.
void KillAgent(const Lab& lab, const std::string& node) {
  EXPECT_TRUE(Eventually([&] {
    const Output status = lab.Fairlead({"status", "-o", "json"});
    const auto json = nlohmann::json::parse(status.out, nullptr, false);
    return json.is_object() && json.contains(node) && json[node].value("ready", false);
  })) << node
      << " did not come back";
  const Output kill = lab.Fairlead({"lab", "kill", node});
  EXPECT_EQ(kill.exit_code, 0) << kill.err;
}

// Half of the kills hit the agents of the nodes whose pods talk, half the agents of nodes without pods:
// as much work for the machine, and nothing to do with the load. In blocks one after the other, so that
// whatever else goes on here goes on in both.
TEST(RestartTest, TwentyKillsOfAgentsLoseNothingAndSlowNothingDown) {
  const Lab lab(Cluster(), {"--nodes", "4"});
  ASSERT_TRUE(lab.up());
  std::vector<std::unique_ptr<Load>> loads;
  for (const char* server : {"a/near", "a/far"}) {
    for (const int family : {4, 6}) {
      const std::string address = lab.Address("pod", server, family);
      const std::string name = std::string(server) + " IPv" + std::to_string(family);
      const std::vector<std::pair<std::string, std::vector<std::string>>> kinds = {
          {" TCP", {Lab::At(address, 8080)}},
          {" UDP", {Lab::At(address, 7) + "/udp"}},
          {" new connections", {Lab::At(address, 8080), "--new-connections"}}};
      for (const auto& [kind, target] : kinds)
        loads.push_back(std::make_unique<Load>(lab, "a/client", name + kind, target));
    }
  }
  std::vector<Stretch> tried, control;
  for (const bool ours : {true, false, false, true, true, false, false, true}) {
    const int64_t begin_ns = SystemClock().MonotonicNs();
    for (int i = 0; i < kKillsABlock; ++i) {
      for (const char* node : {ours ? "node-1" : "node-3", ours ? "node-2" : "node-4"}) KillAgent(lab, node);
    }
    (ours ? tried : control).push_back({begin_ns, SystemClock().MonotonicNs()});
  }
  for (const auto& load : loads) load->Stop();
  std::vector<TimedLatency> all;
  for (const auto& load : loads) {
    EXPECT_EQ(load->report().value("end", ""), "ok") << load->name() << " " << load->report();
    EXPECT_EQ(load->report().value("lost", -1), 0) << load->name() << " " << load->report();
    EXPECT_GT(load->report().value("sent", 0), 300) << load->name();
    all.insert(all.end(), load->latencies().begin(), load->latencies().end());
  }
  std::vector<Pair> pairs;
  for (size_t i = 0; i < tried.size(); ++i) {
    pairs.push_back({Within(all, tried[i]), Within(all, control[i])});
    ASSERT_FALSE(pairs.back().tried.empty() || pairs.back().control.empty());
  }
  const Slowdown slowdown = Compare(pairs);
  std::cout << all.size() << " exchanges: " << slowdown.ToString() << "\n";
  EXPECT_TRUE(slowdown.acceptable()) << slowdown.ToString();
  EXPECT_TRUE(Eventually([&] { return lab.Fairlead({"status"}).exit_code == 0; }));
}

TEST(RestartTest, PoliciesStayInForceWhileTheAgentIsDown) {
  const Lab lab(Cluster() + Pod("a", "stranger", "node-2", "app: stranger", ""));
  ASSERT_TRUE(lab.up());
  const std::string target = Lab::At(lab.Address("pod", "a/near"), 8080);
  lab.Fairlead({"lab", "kill", "node-1", "--down-ms", "3000"});
  lab.Fairlead({"lab", "kill", "node-2", "--down-ms", "3000"});
  EXPECT_EQ(lab.Probe("a/client", target), "ok");
  EXPECT_EQ(lab.ProbeBriefly("a/stranger", target), "timeout");
  EXPECT_TRUE(Eventually([&] { return lab.Fairlead({"status"}).exit_code == 0; }));
  EXPECT_EQ(lab.Probe("a/client", target), "ok");
  EXPECT_EQ(lab.ProbeBriefly("a/stranger", target), "timeout");
}

// Which addresses pods have only their nodes' agents know, and they come back one after the other.
TEST(RestartTest, AControllerThatStartsAgainEndsNoConnection) {
  const Lab lab(Cluster() + Service("a", "server",
                                    "  selector: {app: server}\n"
                                    "  ports: [{port: 80, targetPort: http}]\n"));
  ASSERT_TRUE(lab.up());
  const std::string service = Lab::At(lab.Address("service", "a/server"), 80);
  std::vector<std::unique_ptr<Load>> loads;
  for (int i = 0; i < 6; ++i) {
    loads.push_back(std::make_unique<Load>(lab, "a/client", "connection " + std::to_string(i),
                                           std::vector<std::string>{service}));
  }
  for (int i = 0; i < 4; ++i) {
    ASSERT_EQ(lab.Fairlead({"lab", "kill", "controller"}).exit_code, 0);
    EXPECT_TRUE(Eventually([&] { return lab.Fairlead({"status"}).exit_code == 0; }));
  }
  for (const auto& load : loads) load->Stop();
  for (const auto& load : loads) {
    EXPECT_EQ(load->report().value("end", ""), "ok") << load->name() << " " << load->report();
    EXPECT_EQ(load->report().value("lost", -1), 0) << load->name() << " " << load->report();
  }
}

// Everything under the records' folders of a node, as a bad disk leaves it. Returns how many files.
int DamageRecords(const Lab& lab, const std::string& node) {
  int files = 0;
  for (const char* folder : {"state", "run"}) {
    const std::string path = "/run/fairlead/labs/" + lab.name() + "/nodes/" + node + "/" + folder + "/pods";
    for (const auto& entry : std::filesystem::directory_iterator(path)) {
      std::ofstream(entry.path()) << "{\"format\": 1, \"gen";
      ++files;
    }
  }
  return files;
}

TEST(RestartTest, PodsWhoseRecordsAreAllDamagedKeepTheirNetwork) {
  const Lab lab(Cluster() + Pod("a", "stranger", "node-2", "app: stranger", ""));
  ASSERT_TRUE(lab.up());
  const std::string address = lab.Address("pod", "a/near");
  const std::string target = Lab::At(address, 8080);
  ASSERT_EQ(lab.Probe("a/client", target), "ok");
  const auto devices = [&] {
    const std::string links = lab.Exec("node-1", {"ip", "-o", "link"}).out;
    int found = 0;
    for (size_t at = links.find(": flp"); at != std::string::npos; at = links.find(": flp", at + 1)) ++found;
    return found;
  };
  ASSERT_EQ(devices(), 2);

  EXPECT_EQ(DamageRecords(lab, "node-1"), 4);  // the agent that runs does not read them again
  lab.Fairlead({"lab", "kill", "node-1"});
  EXPECT_TRUE(Eventually([&] {
    return lab.Fairlead({"status", "-v"}).out.find("2 lost records were rebuilt") != std::string::npos;
  })) << lab.Fairlead({"status", "-v"}).out;
  EXPECT_EQ(lab.Fairlead({"status"}).exit_code, 0);
  EXPECT_EQ(devices(), 2);
  EXPECT_EQ(lab.Address("pod", "a/near"), address);
  EXPECT_EQ(lab.Probe("a/client", target), "ok");
  EXPECT_EQ(lab.ProbeBriefly("a/stranger", target), "timeout") << "under the policy it had";

  lab.Delete(Pod("a", "near", "node-1", "app: server", ""));
  EXPECT_TRUE(Eventually([&] { return devices() == 1; })) << "its DEL takes the device";
  EXPECT_TRUE(Eventually([&] { return lab.Fairlead({"status"}).exit_code == 0; }));
}

}  // namespace
}  // namespace fairlead::test
