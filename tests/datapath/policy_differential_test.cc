// The eBPF programs against the oracle: random clusters and the hand-written scenarios, compiled,
// cut to one node's span, written by the real reconciler, asked packet by packet.
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "datapath/abi/reasons.h"
#include "policy/compiler.h"
#include "policy/oracle.h"
#include "tests/datapath/node_pods.h"
#include "tests/datapath/policy_node.h"
#include "tests/policy/generator.h"
#include "tests/policy/scenarios.h"
#include "tests/policy/shrink.h"
#include "tests/policy/yaml.h"

namespace fairlead::datapath {
namespace {

using policy::Attempt;
using policy::Cluster;
using policy::Direction;
using policy::testing::Generator;

constexpr int kClusters = 200;
constexpr int kAttemptsPerCluster = 60;

const char* ReasonName(uint32_t reason) {
  static constexpr const char* kNames[] = {
#define REASON_NAME(constant, name, text) name,
      FL_REASONS(REASON_NAME)
#undef REASON_NAME
  };
  return reason < FL_REASON_COUNT ? kNames[reason] : "?";
}

// Addresses that packets may carry anywhere; the others are dropped before policy is asked.
bool IsOrdinary(const IpAddress& address) {
  const auto& bytes = address.bytes();
  if (!address.is_v4()) return (bytes[0] & 0xe0) == 0x20 || (bytes[0] & 0xfe) == 0xfc;
  return bytes[12] != 0 && bytes[12] != 127 && bytes[12] < 224 && !(bytes[12] == 169 && bytes[13] == 254);
}

class PolicyDatapathTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    node_ = new PolicyNode();
    pods_ = new NodePods(node_->devices());
  }
  static void TearDownTestSuite() {
    delete pods_;
    delete node_;
  }

  void Apply(const Cluster& cluster, const std::set<std::string>& nodes) {
    desired_ = pods_->Desired(cluster, policy::Compile(cluster), nodes);
    for (const auto& failure : node_->Apply(desired_)) {
      ADD_FAILURE() << failure.kind << " " << failure.name << ": " << failure.status;
    }
  }

  // Whether a packet of `attempt` would come by this node, and be judged there.
  bool ComesBy(const Attempt& attempt) const {
    if (!IsOrdinary(attempt.source) || !IsOrdinary(attempt.destination)) return false;
    const LocalEndpoint* from = EndpointAt(desired_, attempt.source);
    const LocalEndpoint* to = EndpointAt(desired_, attempt.destination);
    return from != to;
  }

  uint32_t Expected(const Cluster& cluster, const Attempt& attempt) const {
    const auto allows = [&](const IpAddress& end, Direction direction) {
      const LocalEndpoint* endpoint = EndpointAt(desired_, end);
      return endpoint == nullptr || policy::OracleAllows(cluster, endpoint->pod_uid, direction, attempt);
    };
    if (!allows(attempt.source, Direction::kEgress)) return FL_REASON_EGRESS_POLICY;
    if (!allows(attempt.destination, Direction::kIngress)) return FL_REASON_INGRESS_POLICY;
    return FL_REASON_FORWARDED;
  }

  uint32_t Open(const Attempt& attempt) {
    last_port_ = last_port_ == 65535 ? 1024 : last_port_ + 1;
    return node_->Send(desired_, attempt, last_port_, Moment::kOpens);
  }

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

  static PolicyNode* node_;
  static NodePods* pods_;
  DesiredState desired_;
  uint16_t last_port_ = 1024;
};

PolicyNode* PolicyDatapathTest::node_ = nullptr;
NodePods* PolicyDatapathTest::pods_ = nullptr;

// One change of `cluster` that moves no address.
void ChangeSomething(Generator& generator, Cluster& cluster) {
  if (generator.Chance(40)) {
    auto pod = std::next(cluster.pods.begin(), generator.Below(cluster.pods.size()));
    pod->second.labels = generator.NextPod().labels;
  } else if (generator.Chance(40)) {
    const policy::Namespace changed = generator.NextNamespace();
    cluster.namespaces[changed.name] = changed;
  } else {
    const policy::NetworkPolicy changed = generator.NextPolicy();
    const std::string key = absl::StrCat(changed.namespace_name, "/", changed.name);
    if (cluster.policies.erase(key) == 0 || generator.Chance(50)) cluster.policies[key] = changed;
  }
}

TEST_F(PolicyDatapathTest, ProgramsAgreeWithTheOracleBeforeAndAfterChanges) {
  Generator generator(policy::testing::SeedFromEnvironment());
  const std::set<std::string> nodes = {"node-0"};
  int opened = 0;
  int continued = 0;
  int denied = 0;
  for (int round = 0; round < kClusters; ++round) {
    Cluster cluster = generator.NextCluster();
    Apply(cluster, nodes);
    if (desired_.endpoints.empty()) continue;
    struct Asked {
      Attempt attempt;
      uint16_t port;
      bool open;
    };
    std::vector<Asked> asked;
    for (int i = 0; i < kAttemptsPerCluster; ++i) {
      const Attempt attempt = generator.NextDecision(cluster).attempt;
      if (!ComesBy(attempt)) continue;
      const bool from_or_to_here =
          EndpointAt(desired_, attempt.source) || EndpointAt(desired_, attempt.destination);
      if (!from_or_to_here) continue;
      const uint32_t reason = Open(attempt);
      const uint16_t port = last_port_;
      ASSERT_EQ(reason, Expected(cluster, attempt)) << Report(cluster, nodes, attempt);
      asked.push_back({attempt, port, reason == FL_REASON_FORWARDED});
      ++opened;
      if (reason != FL_REASON_FORWARDED) ++denied;
    }
    // What lives is decided again by its next packet; what was refused may be tried again.
    const Cluster before = cluster;
    for (uint64_t changes = 1 + generator.Below(3); changes > 0; --changes)
      ChangeSomething(generator, cluster);
    Apply(cluster, nodes);
    for (const Asked& one : asked) {
      const Moment moment = one.open ? Moment::kGoesOn : Moment::kOpens;
      const uint32_t reason = node_->Send(desired_, one.attempt, one.port, moment);
      ASSERT_EQ(ReasonName(reason), ReasonName(Expected(cluster, one.attempt)))
          << (one.open ? "a live connection: " : "tried again: ") << Describe(one.attempt) << "\n# before\n"
          << policy::testing::ToYaml(before) << "\n# after\n"
          << policy::testing::ToYaml(cluster);
      ++continued;
      if (reason != FL_REASON_FORWARDED) ++denied;
    }
  }
  printf("%d connections opened, %d packets after a change, %d denied\n", opened, continued, denied);
  EXPECT_GT(opened + continued, 2000);
  EXPECT_GT(denied, (opened + continued) / 20);
}

TEST_F(PolicyDatapathTest, ProgramsAgreeWithEveryScenario) {
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
