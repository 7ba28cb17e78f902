#include "policy/selector.h"

#include <gtest/gtest.h>

namespace fairlead::policy {
namespace {

using Operator = LabelRequirement::Operator;

LabelSelector With(LabelRequirement requirement) {
  return {.match_expressions = {std::move(requirement)}};
}

// Both forms of labels must give one answer.
bool Selects(const LabelSelector& selector, const Labels& labels) {
  const bool selects = Matches(selector, labels);
  EXPECT_EQ(Matches(selector, PackedLabels(labels)), selects);
  return selects;
}

TEST(Selector, EmptySelectsEverything) {
  EXPECT_TRUE(Selects({}, {}));
  EXPECT_TRUE(Selects({}, {{"app", "cart"}}));
}

TEST(Selector, MatchLabelsAreAllRequired) {
  const LabelSelector selector{.match_labels = {{"app", "cart"}, {"tier", "back"}}};
  EXPECT_TRUE(Selects(selector, {{"app", "cart"}, {"tier", "back"}, {"more", ""}}));
  EXPECT_FALSE(Selects(selector, {{"app", "cart"}}));
  EXPECT_FALSE(Selects(selector, {{"app", "cart"}, {"tier", "front"}}));
}

TEST(Selector, InNeedsTheKeyAndOneOfTheValues) {
  const LabelSelector selector = With({"app", Operator::kIn, {"cart", "shop"}});
  EXPECT_TRUE(Selects(selector, {{"app", "shop"}}));
  EXPECT_FALSE(Selects(selector, {{"app", "other"}}));
  EXPECT_FALSE(Selects(selector, {}));
}

TEST(Selector, NotInHoldsWhereTheKeyIsAbsent) {
  const LabelSelector selector = With({"app", Operator::kNotIn, {"cart", "shop"}});
  EXPECT_FALSE(Selects(selector, {{"app", "shop"}}));
  EXPECT_TRUE(Selects(selector, {{"app", "other"}}));
  EXPECT_TRUE(Selects(selector, {}));
}

TEST(Selector, ExistsLooksAtTheKeyOnly) {
  EXPECT_TRUE(Selects(With({"app", Operator::kExists, {}}), {{"app", ""}}));
  EXPECT_FALSE(Selects(With({"app", Operator::kExists, {}}), {{"tier", "app"}}));
  EXPECT_FALSE(Selects(With({"app", Operator::kDoesNotExist, {}}), {{"app", ""}}));
  EXPECT_TRUE(Selects(With({"app", Operator::kDoesNotExist, {}}), {{"tier", "app"}}));
}

TEST(Selector, CanonicalFormForgetsOrderAndRepetition) {
  const LabelRequirement in_ab{"k", Operator::kIn, {"a", "b"}};
  const LabelRequirement in_ba{"k", Operator::kIn, {"b", "a", "b"}};
  const LabelRequirement exists{"j", Operator::kExists, {}};
  EXPECT_EQ(Canonical({.match_expressions = {in_ab, exists}}),
            Canonical({.match_expressions = {exists, in_ba, in_ab}}));
  EXPECT_NE(Canonical({.match_expressions = {in_ab}}), Canonical({.match_expressions = {exists}}));
}

TEST(Selector, ReadsAsKubectlWritesIt) {
  const LabelSelector selector{.match_labels = {{"app", "cart"}},
                               .match_expressions = {{"tier", Operator::kIn, {"a", "b"}},
                                                     {"zone", Operator::kNotIn, {"x"}},
                                                     {"old", Operator::kDoesNotExist, {}},
                                                     {"new", Operator::kExists, {}}}};
  EXPECT_EQ(Describe(selector), "app=cart,tier in (a,b),zone notin (x),!old,new");
}

}  // namespace
}  // namespace fairlead::policy
