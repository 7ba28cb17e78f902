#include "policy/selector.h"

#include <gtest/gtest.h>

namespace fairlead::policy {
namespace {

using Operator = LabelRequirement::Operator;

LabelSelector With(LabelRequirement requirement) {
  return {.match_expressions = {std::move(requirement)}};
}

TEST(Selector, EmptySelectsEverything) {
  EXPECT_TRUE(Matches({}, {}));
  EXPECT_TRUE(Matches({}, {{"app", "cart"}}));
}

TEST(Selector, MatchLabelsAreAllRequired) {
  const LabelSelector selector{.match_labels = {{"app", "cart"}, {"tier", "back"}}};
  EXPECT_TRUE(Matches(selector, {{"app", "cart"}, {"tier", "back"}, {"more", ""}}));
  EXPECT_FALSE(Matches(selector, {{"app", "cart"}}));
  EXPECT_FALSE(Matches(selector, {{"app", "cart"}, {"tier", "front"}}));
}

TEST(Selector, InNeedsTheKeyAndOneOfTheValues) {
  const LabelSelector selector = With({"app", Operator::kIn, {"cart", "shop"}});
  EXPECT_TRUE(Matches(selector, {{"app", "shop"}}));
  EXPECT_FALSE(Matches(selector, {{"app", "other"}}));
  EXPECT_FALSE(Matches(selector, {}));
}

TEST(Selector, NotInHoldsWhereTheKeyIsAbsent) {
  const LabelSelector selector = With({"app", Operator::kNotIn, {"cart", "shop"}});
  EXPECT_FALSE(Matches(selector, {{"app", "shop"}}));
  EXPECT_TRUE(Matches(selector, {{"app", "other"}}));
  EXPECT_TRUE(Matches(selector, {}));
}

TEST(Selector, ExistsLooksAtTheKeyOnly) {
  EXPECT_TRUE(Matches(With({"app", Operator::kExists, {}}), {{"app", ""}}));
  EXPECT_FALSE(Matches(With({"app", Operator::kExists, {}}), {{"tier", "app"}}));
  EXPECT_FALSE(Matches(With({"app", Operator::kDoesNotExist, {}}), {{"app", ""}}));
  EXPECT_TRUE(Matches(With({"app", Operator::kDoesNotExist, {}}), {{"tier", "app"}}));
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
