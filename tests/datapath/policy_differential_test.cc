// The eBPF programs against the oracle: random clusters and the hand-written scenarios, compiled,
// cut to one node's span, written by the real reconciler, asked packet by packet.
#include <gtest/gtest.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "datapath/abi/reasons.h"
#include "tests/datapath/policy_fixture.h"
#include "tests/policy/generator.h"
#include "tests/policy/scenarios.h"
#include "tests/policy/shrink.h"
#include "tests/policy/yaml.h"

namespace fairlead::datapath {
namespace {

using policy::Attempt;
using policy::Cluster;
using policy::testing::Generator;

constexpr int kClusters = 150;
constexpr int kAttemptsPerCluster = 50;
constexpr int kChangesPerCluster = 10;

class PolicyDifferentialTest : public PolicyDatapathTest {
 protected:
  // The cluster made small, as manifests.
  std::string Report(const Cluster& cluster, const std::set<std::string>& nodes, const Attempt& attempt) {
    const auto fails = [&](const Cluster& candidate) {
      Apply(candidate, nodes);
      return ComesBy(attempt) && Open(attempt) != Expected(candidate, attempt);
    };
    const Cluster small = policy::testing::Shrink(cluster, fails);
    Apply(small, nodes);
    return absl::StrCat(Describe(attempt), "\noracle: ", ReasonName(Expected(small, attempt)),
                        ", eBPF: ", ReasonName(Open(attempt)), "\n", policy::testing::ToYaml(small));
  }

  static std::string Describe(const Attempt& attempt) {
    return absl::StrCat(policy::ToString(attempt.protocol), " ", attempt.source.ToString(), " -> ",
                        attempt.destination.ToString(), " port ", attempt.destination_port);
  }
};

// A tuple that was tried: with a live connection, or refused.
struct Tried {
  Attempt attempt;
  uint16_t port = 0;
  bool live = false;
};

// One change of `cluster` that moves no address, preferably one that a live connection may depend on.
void ChangeSomething(Generator& generator, const std::vector<Tried>& tried, Cluster& cluster) {
  auto pod = std::next(cluster.pods.begin(), generator.Below(cluster.pods.size()));
  if (!tried.empty()) {
    const Attempt& attempt = tried[generator.Below(tried.size())].attempt;
    const IpAddress& end = generator.Chance(50) ? attempt.source : attempt.destination;
    const auto has = [&](const auto& entry) {
      return std::count(entry.second.addresses.begin(), entry.second.addresses.end(), end) > 0;
    };
    const auto found = std::find_if(cluster.pods.begin(), cluster.pods.end(), has);
    if (found != cluster.pods.end()) pod = found;
  }
  const uint64_t kind = generator.Below(10);
  if (kind < 6) {
    pod->second.labels = generator.NextPod().labels;
  } else if (kind < 8) {
    cluster.namespaces[pod->second.namespace_name] = {pod->second.namespace_name,
                                                      generator.NextNamespace().labels};
  } else {
    const policy::NetworkPolicy changed = generator.NextPolicy();
    const std::string key = absl::StrCat(changed.namespace_name, "/", changed.name);
    if (cluster.policies.erase(key) == 0 || generator.Chance(50)) cluster.policies[key] = changed;
  }
}

TEST_F(PolicyDifferentialTest, ProgramsAgreeWithTheOracleBeforeAndAfterChanges) {
  Generator generator(policy::testing::SeedFromEnvironment());
  const std::set<std::string> nodes = {"node-0"};
  int opened = 0;
  int continued = 0;
  int ended = 0;
  for (int round = 0; round < kClusters; ++round) {
    Cluster cluster = generator.NextCluster();
    Apply(cluster, nodes);
    std::vector<Tried> tried;
    for (int i = 0; i < kAttemptsPerCluster && !desired_.endpoints.empty(); ++i) {
      const Attempt attempt = generator.NextDecision(cluster).attempt;
      if (!ComesBy(attempt)) continue;
      const uint32_t reason = Open(attempt);
      tried.push_back({attempt, last_port_, reason == FL_REASON_FORWARDED});
      ASSERT_EQ(reason, Expected(cluster, attempt)) << Report(cluster, nodes, attempt);
      ++opened;
    }
    // What lives is decided again by its next packet; what was refused is tried again.
    for (int change = 0; change < kChangesPerCluster; ++change) {
      const Cluster before = cluster;
      ChangeSomething(generator, tried, cluster);
      Apply(cluster, nodes, /*verify=*/false);
      for (Tried& one : tried) {
        const Moment moment = one.live ? Moment::kGoesOn : Moment::kOpens;
        const uint32_t reason = node_->Send(desired_, one.attempt, one.port, moment);
        ASSERT_STREQ(ReasonName(reason), ReasonName(Expected(cluster, one.attempt)))
            << (one.live ? "a live connection: " : "tried again: ") << Describe(one.attempt) << "\n# before\n"
            << policy::testing::ToYaml(before) << "\n# after\n"
            << policy::testing::ToYaml(cluster);
        ++continued;
        if (one.live && reason != FL_REASON_FORWARDED) ++ended;
        one.live = reason == FL_REASON_FORWARDED;
      }
    }
  }
  printf("%d tuples tried, %d packets after changes, %d connections ended by one\n", opened, continued,
         ended);
  EXPECT_GT(opened, 1000);
  EXPECT_GT(ended, 100);
}

TEST_F(PolicyDifferentialTest, ProgramsAgreeWithEveryScenario) {
  const std::set<std::string> nodes = {"node-1"};
  for (const policy::testing::Scenario& scenario : policy::testing::Scenarios()) {
    SCOPED_TRACE(scenario.name);
    Apply(scenario.cluster, nodes);
    for (const policy::testing::Flow& flow : scenario.flows) {
      for (const policy::testing::FlowAttempt& attempt : AttemptsOf(scenario.cluster, flow)) {
        if (!ComesBy(attempt.attempt)) continue;
        EXPECT_EQ(Open(attempt.attempt) == FL_REASON_FORWARDED, flow.allowed)
            << flow.from << " -> " << flow.to;
      }
    }
  }
}

}  // namespace
}  // namespace fairlead::datapath
