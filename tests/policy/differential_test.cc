// The oracle against compiler and classifier, on random clusters.
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "policy/compiler.h"
#include "policy/oracle.h"
#include "tests/policy/compiled_verdict.h"
#include "tests/policy/generator.h"
#include "tests/policy/shrink.h"
#include "tests/policy/yaml.h"

namespace fairlead::policy::testing {
namespace {

constexpr int kDecisions = 150'000;
constexpr int kDecisionsPerCluster = 60;

bool Agrees(const Cluster& cluster, const CompiledVerdict& compiled, const Decision& decision) {
  const bool expected = OracleAllows(cluster, decision.pod, decision.direction, decision.attempt);
  return compiled.ByRows(decision) == expected && compiled.ByRules(decision) == expected;
}

bool Fails(const Cluster& cluster, const Decision& decision) {
  const auto pod = cluster.pods.find(decision.pod);
  if (pod == cluster.pods.end() || pod->second.host_network) return false;
  const CompiledPolicy compiled = Compile(cluster);
  return !Agrees(cluster, CompiledVerdict(compiled), decision);
}

std::string Report(const Cluster& cluster, const Decision& decision) {
  const Cluster small = Shrink(cluster, [&](const Cluster& candidate) { return Fails(candidate, decision); });
  const bool oracle = OracleAllows(small, decision.pod, decision.direction, decision.attempt);
  const CompiledPolicy compiled = Compile(small);
  const CompiledVerdict verdict(compiled);
  const auto word = [](bool allowed) { return allowed ? "allowed" : "denied"; };
  return absl::StrCat(ToText(small, decision), "\noracle: ", word(oracle),
                      ", rows: ", word(verdict.ByRows(decision)),
                      ", rules: ", word(verdict.ByRules(decision)), "\n", ToYaml(small));
}

TEST(PolicyDifferential, CompiledRowsAgreeWithTheOracle) {
  Generator generator(SeedFromEnvironment());
  int decisions = 0;
  int denied = 0;
  while (decisions < kDecisions) {
    const Cluster cluster = generator.NextCluster();
    const CompiledPolicy compiled = Compile(cluster);
    if (compiled.pods.empty()) continue;
    const CompiledVerdict verdict(compiled);
    for (int i = 0; i < kDecisionsPerCluster; ++i, ++decisions) {
      const Decision decision = generator.NextDecision(cluster);
      ASSERT_TRUE(Agrees(cluster, verdict, decision)) << Report(cluster, decision);
      if (!verdict.ByRows(decision)) ++denied;
    }
  }
  // A generator that only ever makes one answer proves nothing.
  EXPECT_GT(denied, decisions / 10);
  EXPECT_LT(denied, decisions * 9 / 10);
  printf("%d decisions, %d denied\n", decisions, denied);
}

}  // namespace
}  // namespace fairlead::policy::testing
