// Services from manifests to packets: from pods, from nodes, from outside, both families.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/lab/lab.h"
#include "tests/lab/manifests.h"

namespace fairlead::test {
namespace {

using testing::HasSubstr;
using testing::SizeIs;
using testing::StartsWith;

const std::string kPorts = "{name: http, containerPort: 8080}, {name: dns, containerPort: 53, protocol: UDP}";
const std::string kTwo = Pod("a", "two", "node-2", "app: echo, at: far", kPorts);

std::string Cluster() {
  return Namespace("a", "x: y") + Pod("a", "client", "node-1", "app: client", "") +
         Pod("a", "one", "node-1", "app: echo, at: near", kPorts) + kTwo +
         Service("a", "echo",
                 "  type: NodePort\n  selector: {app: echo}\n  ports:\n"
                 "    - {name: http, port: 80, targetPort: http, nodePort: 30080}\n"
                 "    - {name: dns, port: 53, targetPort: dns, protocol: UDP, nodePort: 30053}\n") +
         Service("a", "sticky",
                 "  selector: {app: echo}\n  sessionAffinity: ClientIP\n  ports: [{port: 80, targetPort: "
                 "8080}]\n") +
         Service("a", "near", "  selector: {at: near}\n  ports: [{port: 80, targetPort: 8080}]\n") +
         Service("a", "far", "  selector: {at: far}\n  ports: [{port: 80, targetPort: 8080}]\n") +
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

  // The verdict of `fairlead why`: "forwarded", or the reason; the socket level must have its say.
  std::string Why(const std::string& from, const std::string& service, int family) {
    std::vector<std::string> args{"why", from, service, "-o", "json"};
    if (family == 6) args.push_back("-6");
    const Output output = lab_->Fairlead(args);
    const auto why = nlohmann::json::parse(output.out, nullptr, false);
    if (why.is_discarded()) return output.err;
    const auto& first = why["hops"][0]["stages"][0];
    EXPECT_EQ(first["name"], "socket level") << why.dump(1);
    EXPECT_THAT(first["detail"].get<std::string>(),
                HasSubstr(lab_->Address("service", service.substr(0, service.find(':')), family)));
    EXPECT_EQ(output.exit_code, why["allowed"].get<bool>() ? 0 : 1);
    return why["reason"];
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

TEST_F(ServiceTest, RefusesAtOnceWhereNoServiceIs) {
  for (const char* from : {"a/client", "node-1"}) {
    for (const std::string address : {"10.96.255.254", "fd00:10:96::fffe"}) {
      EXPECT_EQ(lab_->Probe(from, Lab::At(address, 80)), "refused") << from << " " << address;
      EXPECT_EQ(lab_->Probe(from, Lab::At(address, 53) + "/udp"), "refused") << from << " " << address;
      const Output why = lab_->Fairlead({"why", from, Lab::At(address, 80)});
      EXPECT_EQ(why.exit_code, 1);
      EXPECT_THAT(why.out, HasSubstr("denied: no such service")) << from << " " << address;
    }
    EXPECT_EQ(lab_->Probe(from, Lab::At(lab_->Address("service", "a/echo"), 81)), "refused") << from;
  }
}

TEST_F(ServiceTest, WhyTellsWhatConnectFinds) {
  for (const char* from : {"a/client", "node-1"}) {
    for (const int family : {4, 6}) {
      EXPECT_EQ(Why(from, "a/echo:80", family), "forwarded") << from << " IPv" << family;
      EXPECT_EQ(Why(from, "a/nobody:80", family), "service has no endpoints") << from << " IPv" << family;
    }
  }
  // The node reaches its own pods always; those of another node are judged there.
  const std::string closed = Policy("a", "closed", "  podSelector: {matchLabels: {app: echo}}\n");
  lab_->Apply(closed);
  const std::string denied = "denied by ingress policy";
  for (const int family : {4, 6}) {
    const std::string near = Lab::At(lab_->Address("service", "a/near", family), 80);
    const std::string far = Lab::At(lab_->Address("service", "a/far", family), 80);
    EXPECT_EQ(Why("node-1", "a/near:80", family), "forwarded") << "IPv" << family;
    EXPECT_EQ(lab_->Probe("node-1", near), "ok") << "IPv" << family;
    EXPECT_EQ(Why("node-1", "a/far:80", family), denied) << "IPv" << family;
    EXPECT_EQ(lab_->ProbeBriefly("node-1", far), "timeout") << "IPv" << family;
    EXPECT_EQ(Why("a/client", "a/near:80", family), denied) << "IPv" << family;
    EXPECT_EQ(lab_->ProbeBriefly("a/client", near), "timeout") << "IPv" << family;
  }
  lab_->Delete(closed);
  for (const int family : {4, 6}) {
    const std::string far = Lab::At(lab_->Address("service", "a/far", family), 80);
    EXPECT_EQ(Why("node-1", "a/far:80", family), "forwarded") << "IPv" << family;
    EXPECT_EQ(lab_->Probe("node-1", far), "ok") << "IPv" << family;
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
  lab_->Delete(kTwo);
  EXPECT_THAT(Hosts("a/client", target), testing::ElementsAre("one"));
  lab_->Apply(kTwo);
  EXPECT_TRUE(Eventually([&] { return Hosts("a/client", target).size() == 2; }));
}

}  // namespace
}  // namespace fairlead::test
