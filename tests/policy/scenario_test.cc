// The hand-written scenarios, answered by the oracle, by the compiled rows and rule by rule.
#include <gtest/gtest.h>

#include <algorithm>

#include "policy/compiler.h"
#include "tests/policy/compiled_verdict.h"
#include "tests/policy/scenarios.h"
#include "tests/policy/yaml.h"

namespace fairlead::policy::testing {
namespace {

class ScenarioTest : public ::testing::TestWithParam<Scenario> {
 protected:
  // Checks every flow against `allows`.
  template <typename Allows>
  void Check(Allows allows) {
    const Cluster& cluster = GetParam().cluster;
    for (const Flow& flow : GetParam().flows) {
      const std::vector<FlowAttempt> attempts = AttemptsOf(cluster, flow);
      ASSERT_FALSE(attempts.empty()) << flow.from << " -> " << flow.to;
      for (const FlowAttempt& attempt : attempts) {
        EXPECT_EQ(std::all_of(attempt.decisions.begin(), attempt.decisions.end(), allows), flow.allowed)
            << flow.from << " -> " << flow.to << ": " << ToText(cluster, attempt.decisions.front());
      }
    }
  }
};

TEST_P(ScenarioTest, OracleAgrees) {
  const Cluster& cluster = GetParam().cluster;
  Check([&](const Decision& d) { return OracleAllows(cluster, d.pod, d.direction, d.attempt); });
}

TEST_P(ScenarioTest, CompiledRowsAgree) {
  const CompiledPolicy compiled = Compile(GetParam().cluster);
  const CompiledVerdict verdict(compiled);
  Check([&](const Decision& d) { return verdict.ByRows(d); });
}

TEST_P(ScenarioTest, CompiledRulesAgree) {
  const CompiledPolicy compiled = Compile(GetParam().cluster);
  const CompiledVerdict verdict(compiled);
  Check([&](const Decision& d) { return verdict.ByRules(d); });
}

INSTANTIATE_TEST_SUITE_P(Policy, ScenarioTest, ::testing::ValuesIn(Scenarios()),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace fairlead::policy::testing
