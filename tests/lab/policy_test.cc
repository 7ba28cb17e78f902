// NetworkPolicies from manifests to packets: who reaches whom, both families, same node and across.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <thread>

#include "absl/strings/str_split.h"
#include "tests/lab/lab.h"
#include "tests/lab/manifests.h"

namespace fairlead::test {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsSupersetOf;
using testing::Not;
using testing::UnorderedElementsAre;

const std::string kHttp = "{name: http, containerPort: 80}";

// a/web, a/db on node-1; a/api on node-2; b/web on node-2. web serves nothing.
std::string Cluster() {
  return Namespace("a", "team: red") + Namespace("b", "team: blue") +
         Pod("a", "web", "node-1", "app: web", "") +
         Pod("a", "db", "node-1", "app: db, tier: data",
             "{name: sql, containerPort: 5432}, {name: dns, containerPort: 53, protocol: UDP}") +
         Pod("a", "api", "node-2", "app: api", kHttp) + Pod("b", "web", "node-2", "app: web", kHttp);
}

class PolicyTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { lab_ = new Lab(Cluster()); }
  static void TearDownTestSuite() {
    delete lab_;
    lab_ = nullptr;
  }
  void SetUp() override {
    if (!lab_->up()) GTEST_SKIP() << "the lab did not come up; that has failed already";
  }
  void TearDown() override {
    if (!applied_.empty()) lab_->Delete(applied_);
  }
  // Source ports of connections to the port on which packets flow, or have flowed.
  static std::set<int> Flowing(int port) {
    std::set<int> sources;
    const std::string out = lab_->Fairlead({"conntrack", "--port", std::to_string(port), "-o", "json"}).out;
    for (const auto line : absl::StrSplit(out, '\n', absl::SkipEmpty())) {
      const auto entry = nlohmann::json::parse(line.begin(), line.end());
      if (entry["state"] == "established" && entry["packets"].get<int>() > 20)
        sources.insert(entry["sourcePort"].get<int>());
    }
    return sources;
  }
  // Waits for one that is not among `before`: connections are remembered after their end.
  static bool NewOneFlows(int port, const std::set<int>& before) {
    return Eventually([&] {
      const std::set<int> now = Flowing(port);
      return !std::includes(before.begin(), before.end(), now.begin(), now.end());
    });
  }
  void Apply(const std::string& manifests) {
    applied_ += manifests;
    lab_->Apply(manifests);
  }

  static Lab* lab_;
  std::string applied_;
};
Lab* PolicyTest::lab_ = nullptr;

const std::set<std::string> kEverything{"a/web > a/db:5432", "a/web > a/db:53/udp", "a/web > a/api:80",
                                        "a/web > b/web:80",  "a/db > a/api:80",     "a/db > b/web:80",
                                        "a/api > a/db:5432", "a/api > a/db:53/udp", "a/api > b/web:80",
                                        "b/web > a/db:5432", "b/web > a/db:53/udp", "b/web > a/api:80"};

TEST_F(PolicyTest, EverybodyReachesEverybodyWithoutPolicies) {
  EXPECT_EQ(lab_->Reached(), kEverything);
}

TEST_F(PolicyTest, DefaultDenyOfIngressIsolatesTheNamespaceAlone) {
  Apply(Policy("a", "deny", "  podSelector: {}\n"));
  EXPECT_THAT(lab_->Reached(),
              UnorderedElementsAre("a/web > b/web:80", "a/db > b/web:80", "a/api > b/web:80"));
}

TEST_F(PolicyTest, DefaultDenyOfEgressLetsRepliesOut) {
  Apply(Policy("a", "deny", "  podSelector: {}\n  policyTypes: [Egress]\n"));
  EXPECT_THAT(lab_->Reached(),
              UnorderedElementsAre("b/web > a/db:5432", "b/web > a/db:53/udp", "b/web > a/api:80"));
}

TEST_F(PolicyTest, PodAndNamespaceSelectorsTogetherMeanBoth) {
  Apply(Policy("a", "db",
               "  podSelector: {matchLabels: {app: db}}\n"
               "  ingress:\n"
               "    - from:\n"
               "        - namespaceSelector: {matchLabels: {team: blue}}\n"
               "          podSelector: {matchLabels: {app: web}}\n"));
  const auto reached = lab_->Reached();
  EXPECT_THAT(reached, IsSupersetOf({"b/web > a/db:5432", "b/web > a/db:53/udp"}));
  EXPECT_THAT(reached, Not(Contains("a/web > a/db:5432")));
  EXPECT_THAT(reached, Not(Contains("a/api > a/db:5432")));
}

TEST_F(PolicyTest, PodSelectorAloneMeansTheOwnNamespace) {
  Apply(Policy("a", "db",
               "  podSelector: {matchExpressions: [{key: tier, operator: Exists}]}\n"
               "  ingress: [{from: [{podSelector: {matchLabels: {app: web}}}]}]\n"));
  const auto reached = lab_->Reached();
  EXPECT_THAT(reached, Contains("a/web > a/db:5432"));
  EXPECT_THAT(reached, Not(Contains("b/web > a/db:5432")));
}

TEST_F(PolicyTest, NamedPortsAreResolvedPerPodAndProtocol) {
  Apply(Policy("a", "db",
               "  podSelector: {}\n  ingress: [{ports: [{port: sql}, {port: dns, protocol: UDP}]}]\n"));
  const auto reached = lab_->Reached();
  EXPECT_THAT(reached, IsSupersetOf({"b/web > a/db:5432", "a/api > a/db:53/udp"}));
  EXPECT_THAT(reached, Not(Contains("b/web > a/api:80")));
}

TEST_F(PolicyTest, ExceptIsTakenOutOfItsBlock) {
  const std::string db = lab_->Address("pod", "a/db");
  Apply(Policy("a", "web",
               "  podSelector: {matchLabels: {app: web}}\n  policyTypes: [Egress]\n"
               "  egress: [{to: [{ipBlock: {cidr: 10.244.0.0/16, except: [" +
                   db + "/32]}}]}]\n"));
  const auto reached = lab_->Reached();
  EXPECT_THAT(reached, IsSupersetOf({"a/web > a/api:80 /4", "a/web > b/web:80 /4"}))
      << "no IPv6 block: no IPv6";
  EXPECT_THAT(reached, Not(Contains(testing::StartsWith("a/web > a/db"))));
}

TEST_F(PolicyTest, PortRangesReachToTheirEnd) {
  Apply(Policy("a", "all", "  podSelector: {}\n  ingress: [{ports: [{port: 81, endPort: 5432}]}]\n"));
  const auto reached = lab_->Reached();
  EXPECT_THAT(reached, Contains("b/web > a/db:5432"));
  EXPECT_THAT(reached, Not(Contains("b/web > a/api:80")));
}

TEST_F(PolicyTest, PoliciesAddUp) {
  Apply(Policy("a", "deny", "  podSelector: {}\n"));
  Apply(Policy("a", "api",
               "  podSelector: {matchLabels: {app: api}}\n  ingress: [{from: [{namespaceSelector: {}}]}]\n"));
  EXPECT_THAT(lab_->Reached(),
              UnorderedElementsAre("a/web > b/web:80", "a/db > b/web:80", "a/api > b/web:80",
                                   "a/web > a/api:80", "a/db > a/api:80", "b/web > a/api:80"));
}

TEST_F(PolicyTest, TheNodeReachesItsPodsWhateverPoliciesSay) {
  Apply(Policy("a", "deny", "  podSelector: {}\n"));
  for (const int family : {4, 6}) {
    EXPECT_EQ(lab_->Probe("node-1", Lab::At(lab_->Address("pod", "a/db", family), 5432)), "ok") << family;
  }
  EXPECT_EQ(lab_->ProbeBriefly("outside", Lab::At(lab_->Address("pod", "a/db"), 5432)), "timeout");
}

TEST_F(PolicyTest, APodReachesItselfWhateverPoliciesSay) {
  Apply(Policy("a", "deny", "  podSelector: {}\n  policyTypes: [Ingress, Egress]\n"));
  EXPECT_EQ(lab_->Probe("a/db", Lab::At(lab_->Address("pod", "a/db"), 5432)), "ok");
}

TEST_F(PolicyTest, AChangedPolicyEndsALiveConnection) {
  const std::string target = Lab::At(lab_->Address("pod", "a/db"), 5432);
  const std::set<int> before = Flowing(5432);
  nlohmann::json report;
  std::jthread stream([&] {
    report = lab_->ProbeJson(
        "b/web", {"stream", target, "--duration", "30", "--timeout-ms", "2000", "--interval-ms", "10"});
  });
  ASSERT_TRUE(NewOneFlows(5432, before));
  Apply(Policy("a", "db", "  podSelector: {matchLabels: {app: db}}\n"));
  stream.join();
  EXPECT_EQ(report.value("end", ""), "timeout");
  EXPECT_GT(report.value("answered", 0), 0);
}

TEST_F(PolicyTest, AChangedLabelEndsALiveConnection) {
  Apply(Policy("a", "db",
               "  podSelector: {matchLabels: {app: db}}\n"
               "  ingress: [{from: [{namespaceSelector: {}, podSelector: {matchLabels: {app: web}}}]}]\n"));
  const std::string target = Lab::At(lab_->Address("pod", "a/db"), 5432);
  const std::set<int> before = Flowing(5432);
  nlohmann::json report;
  std::jthread stream([&] {
    report = lab_->ProbeJson(
        "b/web", {"stream", target, "--duration", "30", "--timeout-ms", "2000", "--interval-ms", "10"});
  });
  ASSERT_TRUE(NewOneFlows(5432, before));
  lab_->Apply(Pod("b", "web", "node-2", "app: other", kHttp));
  stream.join();
  EXPECT_EQ(report.value("end", ""), "timeout");
  EXPECT_GT(report.value("answered", 0), 0);
  lab_->Apply(Pod("b", "web", "node-2", "app: web", kHttp));
}

TEST_F(PolicyTest, WhyNamesThePolicyAndItsRemedyWorks) {
  const std::string deny = Policy("a", "deny", "  podSelector: {}\n");
  Apply(deny);
  const auto why = nlohmann::json::parse(lab_->Fairlead({"why", "b/web", "a/db:5432", "-o", "json"}).out);
  EXPECT_FALSE(why["allowed"].get<bool>());
  EXPECT_THAT(why["reason"].get<std::string>(), testing::HasSubstr("ingress policy"));
  EXPECT_THAT(why["hops"].dump(), testing::HasSubstr("a/deny"));
  EXPECT_EQ(lab_->ProbeBriefly("b/web", Lab::At(lab_->Address("pod", "a/db"), 5432)), "timeout");
  Apply(why["remedyYaml"]);
  EXPECT_EQ(lab_->Probe("b/web", Lab::At(lab_->Address("pod", "a/db"), 5432)), "ok");
  EXPECT_EQ(lab_->ProbeBriefly("a/api", Lab::At(lab_->Address("pod", "a/db"), 5432)), "timeout")
      << "no more than asked for";
  EXPECT_EQ(lab_->Fairlead({"why", "b/web", "a/db:5432"}).exit_code, 0);
}

TEST_F(PolicyTest, StatusCallsANodeUpToDateThatAChangeDoesNotConcern) {
  // No node hears of it.
  Apply(Service("a", "later", "  type: ExternalName\n  externalName: example.com\n"));
  const Output status = lab_->Fairlead({"status"});
  EXPECT_THAT(status.out, HasSubstr("up to date"));
  EXPECT_THAT(status.out, Not(HasSubstr("behind the controller")));
}

TEST_F(PolicyTest, StatusCountsARefusedObjectOnceAndNamesEachOfItsFaults) {
  const std::string bad =
      Policy("a", "bad",
             "  podSelector: {}\n  ingress:\n    - from: [{ipBlock: {cidr: 10.0.0.0/33}}]\n"
             "      ports: [{port: 90, endPort: 80}]\n");
  ASSERT_NE(lab_->Fairlead({"lab", "apply", "-f", "-"}, bad).exit_code, 0);
  const Output status = lab_->Fairlead({"status"});
  EXPECT_THAT(status.out, HasSubstr("1 object refused"));
  EXPECT_THAT(status.out, HasSubstr("ipBlock.cidr"));
  EXPECT_THAT(status.out, HasSubstr("endPort"));
  lab_->Delete(bad);
}

}  // namespace
}  // namespace fairlead::test
