// Services from manifests to packets: from pods, from nodes, from outside, both families.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/lab/lab.h"
#include "tests/lab/manifests.h"

namespace fairlead::test {
namespace {

using testing::SizeIs;
using testing::StartsWith;

const std::string kPorts = "{name: http, containerPort: 8080}, {name: dns, containerPort: 53, protocol: UDP}";

std::string Cluster() {
  return Namespace("a", "x: y") + Pod("a", "client", "node-1", "app: client", "") +
         Pod("a", "one", "node-1", "app: echo", kPorts) + Pod("a", "two", "node-2", "app: echo", kPorts) +
         Service("a", "echo",
                 "  type: NodePort\n  selector: {app: echo}\n  ports:\n"
                 "    - {name: http, port: 80, targetPort: http, nodePort: 30080}\n"
                 "    - {name: dns, port: 53, targetPort: dns, protocol: UDP, nodePort: 30053}\n") +
         Service("a", "sticky",
                 "  selector: {app: echo}\n  sessionAffinity: ClientIP\n  ports: [{port: 80, targetPort: "
                 "8080}]\n") +
         Service("a", "nobody",
                 "  selector: {app: nobody}\n  ports:\n    - {name: t, port: 80}\n    - {name: u, port: 53, "
                 "protocol: UDP}\n");
}

class ServiceTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { lab_ = new Lab(Cluster()); }
  static void TearDownTestSuite() {
    delete lab_;
    lab_ = nullptr;
  }
  void SetUp() override {
    if (!lab_->up()) GTEST_SKIP() << "the lab did not come up; that has failed already";
  }
  // Who answers 40 questions.
  std::set<std::string> Hosts(const std::string& from, const std::string& target) {
    std::set<std::string> hosts;
    for (const auto& answer :
         lab_->ProbeJson(from, {"connect", target, "--count", "40", "--timeout-ms", "10000"})) {
      EXPECT_EQ(answer["result"], "ok") << from << " to " << target;
      hosts.insert(answer["host"].get<std::string>());
    }
    return hosts;
  }

  static Lab* lab_;
};
Lab* ServiceTest::lab_ = nullptr;

TEST_F(ServiceTest, SpreadsConnectionsOverItsPods) {
  for (const int family : {4, 6}) {
    const std::string address = lab_->Address("service", "a/echo", family);
    EXPECT_THAT(Hosts("a/client", Lab::At(address, 80)), SizeIs(2)) << "IPv" << family << " TCP";
    EXPECT_THAT(Hosts("a/client", Lab::At(address, 53) + "/udp"), SizeIs(2)) << "IPv" << family << " UDP";
  }
}

TEST_F(ServiceTest, AnswersTheNodesOwnProcesses) {
  for (const int family : {4, 6}) {
    const std::string address = lab_->Address("service", "a/echo", family);
    EXPECT_EQ(lab_->Probe("node-1", Lab::At(address, 80)), "ok") << "IPv" << family;
    EXPECT_EQ(lab_->Probe("node-1", Lab::At(address, 53) + "/udp"), "ok") << "IPv" << family;
  }
}

TEST_F(ServiceTest, KeepsAClientWithItsPodByAffinity) {
  EXPECT_THAT(Hosts("a/client", Lab::At(lab_->Address("service", "a/sticky"), 80)), SizeIs(1));
}

TEST_F(ServiceTest, RefusesAtOnceWithoutEndpoints) {
  for (const char* from : {"a/client", "node-1"}) {
    for (const int family : {4, 6}) {
      const std::string address = lab_->Address("service", "a/nobody", family);
      EXPECT_EQ(lab_->Probe(from, Lab::At(address, 80)), "refused") << from << " IPv" << family;
      EXPECT_EQ(lab_->Probe(from, Lab::At(address, 53) + "/udp"), "refused") << from << " IPv" << family;
    }
  }
}

TEST_F(ServiceTest, APodReachesItselfThroughItsService) {
  EXPECT_THAT(Hosts("a/one", Lab::At(lab_->Address("service", "a/echo"), 80)), SizeIs(2));
}

TEST_F(ServiceTest, NodePortsAnswerOnEveryNodeFromEverywhere) {
  for (const char* node : {"172.31.0.11", "172.31.0.12", "fd00:172:31::11", "fd00:172:31::12"}) {
    for (const char* from : {"outside", "a/client", "node-1"}) {
      EXPECT_EQ(lab_->Probe(from, Lab::At(node, 30080)), "ok") << from << " to " << node;
      EXPECT_EQ(lab_->Probe(from, Lab::At(node, 30053) + "/udp"), "ok") << from << " to " << node;
    }
  }
}

TEST_F(ServiceTest, PodsLeaveForTheOutsideUnderTheirNodesAddress) {
  // A probe server outside, for the time of this test.
  const std::string pid_file = "/run/fairlead/labs/" + lab_->name() + "/outside.pid";
  const std::string serve =
      "setsid fairlead-probe serve tcp:7000 udp:7000 >/dev/null 2>&1 & echo $! >" + pid_file;
  ASSERT_EQ(lab_->Exec("outside", {"sh", "-c", serve}).exit_code, 0);
  for (const std::string target : {"203.0.113.10:7000", "203.0.113.10:7000/udp"}) {
    ASSERT_TRUE(Eventually([&] { return lab_->Probe("outside", target) == "ok"; }));
    const auto answer = lab_->ProbeJson("a/client", {"connect", target});
    EXPECT_THAT(answer.value("seenAs", ""), StartsWith("172.31.0.11:")) << answer;
  }
  lab_->Exec("outside", {"sh", "-c", "kill $(cat " + pid_file + ")"});
}

TEST_F(ServiceTest, ARemovedBackendGetsNoMoreConnections) {
  const std::string target = Lab::At(lab_->Address("service", "a/echo"), 80);
  lab_->Delete(Pod("a", "two", "node-2", "app: echo", kPorts));
  EXPECT_THAT(Hosts("a/client", target), testing::ElementsAre("one"));
  lab_->Apply(Pod("a", "two", "node-2", "app: echo", kPorts));
  EXPECT_TRUE(Eventually([&] { return Hosts("a/client", target).size() == 2; }));
}

}  // namespace
}  // namespace fairlead::test
