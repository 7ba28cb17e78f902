#include "tests/datapath/fake_node.h"

#include <gtest/gtest.h>

namespace fairlead::datapath {
namespace {

template <typename T>
std::set<std::string> NamesBetween(const std::map<std::string, T>& first,
                                   const std::map<std::string, T>& second) {
  std::set<std::string> names;
  for (const auto& [name, value] : first) {
    auto other = second.find(name);
    if (other == second.end() || other->second != value) names.insert(name);
  }
  for (const auto& [name, value] : second) {
    if (!first.contains(name)) names.insert(name);
  }
  return names;
}

}  // namespace

StateChanges ChangesBetween(const DesiredState& first, const DesiredState& second) {
  return {.settings = first.settings != second.settings,
          .nodes = NamesBetween(first.nodes, second.nodes),
          .endpoints = NamesBetween(first.endpoints, second.endpoints),
          .groups = NamesBetween(first.groups, second.groups),
          .sets = NamesBetween(first.sets, second.sets),
          .services = NamesBetween(first.services, second.services)};
}

FakeNode::FakeNode(FakeKernel& kernel, uint32_t first_epoch)
    : reconciler_(kernel, stats_, links_, first_epoch) {
  const absl::Status loaded = reconciler_.Load();
  EXPECT_TRUE(loaded.ok()) << loaded;
}

Failures FakeNode::Apply(const DesiredState& state, bool verify) {
  const StateChanges changes = before_ ? ChangesBetween(*before_, state) : StateChanges::Everything();
  before_ = state;
  Failures failures;
  reconciler_.Apply(state, changes, NodeFacts{}, verify, failures);
  return failures;
}

}  // namespace fairlead::datapath
