// Settings of the cluster's network change under running connections, which lose nothing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

#include "tests/lab/lab.h"
#include "tests/lab/load.h"
#include "tests/lab/manifests.h"

namespace fairlead::test {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

// Addresses of the host outside, and what it sees of node-1.
constexpr char kOutside4[] = "203.0.113.10";
constexpr char kOutside6[] = "2001:db8:113::10";
constexpr char kNode4[] = "172.31.0.11";
constexpr char kNode6[] = "fd00:172:31::11";

std::string Cluster() {
  const std::string ports =
      "{name: http, containerPort: 8080}, {name: echo, containerPort: 7, protocol: UDP}";
  return Namespace("a", "x: y") + Pod("a", "client", "node-1", "app: client", "") +
         Pod("a", "near", "node-1", "app: server", ports) + Pod("a", "far", "node-2", "app: server", ports) +
         Service("a", "echo",
                 "  selector: {app: server}\n  ports:\n    - {name: http, port: 80, targetPort: http}\n"
                 "    - {name: echo, port: 7, targetPort: echo, protocol: UDP}\n");
}

std::string Config(const std::string& spec) {
  return "---\napiVersion: fairlead.io/v1alpha1\nkind: FairleadConfig\nmetadata: {name: fairlead}\nspec: {" +
         spec + "}\n";
}

// A probe server on the host outside, as long as it lives.
class OutsideServer {
 public:
  explicit OutsideServer(const Lab& lab) : lab_(lab) {
    const std::string serve = "setsid fairlead-probe serve tcp:7000 udp:7000 >/dev/null 2>&1 & echo $! >";
    EXPECT_EQ(lab.Exec("outside", {"sh", "-c", serve + pid_file()}).exit_code, 0);
    for (const char* address : {kOutside4, kOutside6}) {
      EXPECT_TRUE(Eventually([&] { return lab.Probe("outside", Lab::At(address, 7000)) == "ok"; }));
    }
  }
  ~OutsideServer() { lab_.Exec("outside", {"sh", "-c", "kill $(cat " + pid_file() + ")"}); }
  OutsideServer(const OutsideServer&) = delete;
  OutsideServer& operator=(const OutsideServer&) = delete;

 private:
  std::string pid_file() const { return "/run/fairlead/labs/" + lab_.name() + "/outside.pid"; }
  const Lab& lab_;
};

class ConfigTest : public testing::Test {
 protected:
  // How the host outside sees a new connection of the client.
  std::string SeenAs(const std::string& outside) {
    const auto answer = lab_.ProbeJson("a/client", {"connect", Lab::At(outside, 7000)});
    return answer.value("seenAs", answer.dump());
  }
  void ExpectSeenAs(const std::string& v4, const std::string& v6) {
    EXPECT_THAT(SeenAs(kOutside4), StartsWith(v4 + ":"));
    EXPECT_THAT(SeenAs(kOutside6), StartsWith("[" + v6 + "]:"));
  }

  const Lab lab_{Cluster()};
};

TEST_F(ConfigTest, ChangesUnderRunningConnectionsLoseNothing) {
  ASSERT_TRUE(lab_.up());
  const OutsideServer server(lab_);
  std::vector<std::unique_ptr<Load>> loads;
  const auto load = [&](const std::string& what, const std::string& address, int tcp, int udp) {
    const std::vector<std::pair<std::string, std::vector<std::string>>> kinds = {
        {" TCP", {Lab::At(address, tcp)}},
        {" UDP", {Lab::At(address, udp) + "/udp"}},
        {" new connections", {Lab::At(address, tcp), "--new-connections"}}};
    for (const auto& [kind, target] : kinds)
      loads.push_back(std::make_unique<Load>(lab_, "a/client", what + kind, target));
  };
  load("outside IPv4", kOutside4, 7000, 7000);
  load("outside IPv6", kOutside6, 7000, 7000);
  load("Service IPv4", lab_.Address("service", "a/echo", 4), 80, 7);
  load("Service IPv6", lab_.Address("service", "a/echo", 6), 80, 7);

  const std::string own4 = lab_.Address("pod", "a/client", 4), own6 = lab_.Address("pod", "a/client", 6);
  ExpectSeenAs(kNode4, kNode6);
  for (int round = 0; round < 3; ++round) {
    lab_.Apply(Config("masquerade: false"));
    ExpectSeenAs(own4, own6);
    lab_.Apply(Config("masquerade: true, socketBalancing: false"));
    ExpectSeenAs(kNode4, kNode6);
    lab_.Apply(Config("nativeCIDRs: [203.0.113.0/24], serviceCIDRs: []"));
    ExpectSeenAs(own4, kNode6);
    lab_.Delete(Config(""));
    ExpectSeenAs(kNode4, kNode6);
  }
  for (const auto& one : loads) {
    one->Stop();
    EXPECT_EQ(one->report().value("end", ""), "ok") << one->name() << " " << one->report();
    EXPECT_EQ(one->report().value("lost", -1), 0) << one->name() << " " << one->report();
    EXPECT_GT(one->report().value("sent", 0), 50) << one->name();
  }
}

TEST_F(ConfigTest, WhatIsWrongLeavesTheLastGoodVersionInForce) {
  ASSERT_TRUE(lab_.up());
  const OutsideServer server(lab_);
  const std::string own4 = lab_.Address("pod", "a/client", 4), own6 = lab_.Address("pod", "a/client", 6);
  lab_.Apply(Config("masquerade: false"));
  const Output apply =
      lab_.Fairlead({"lab", "apply", "-f", "-"}, Config("masquerade: true, nativeCIDRs: [10.0.0.0/99]"));
  EXPECT_EQ(apply.exit_code, 1);
  EXPECT_THAT(apply.out, HasSubstr("fairleadconfig fairlead refused\n"));
  EXPECT_THAT(apply.err, HasSubstr("spec.nativeCIDRs[0]: must be a range"));
  ExpectSeenAs(own4, own6);
}

TEST_F(ConfigTest, TheServicesRangesSayWhatIsRefusedAtOnce) {
  ASSERT_TRUE(lab_.up());
  const std::string nobodys = "10.96.255.254:80";
  EXPECT_EQ(lab_.Probe("a/client", nobodys), "refused");
  lab_.Apply(Config("serviceCIDRs: []"));
  EXPECT_NE(lab_.ProbeBriefly("a/client", nobodys), "refused");
  EXPECT_EQ(lab_.Probe("a/client", Lab::At(lab_.Address("service", "a/echo"), 80)), "ok");
  lab_.Delete(Config(""));
  EXPECT_EQ(lab_.Probe("a/client", nobodys), "refused");
}

}  // namespace
}  // namespace fairlead::test
