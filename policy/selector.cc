#include "policy/selector.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "policy/sort_unique.h"

namespace fairlead::policy {
namespace {

using Operator = LabelRequirement::Operator;

std::optional<absl::string_view> Find(const Labels& labels, const std::string& key) {
  const auto label = labels.find(key);
  if (label == labels.end()) return std::nullopt;
  return label->second;
}

std::optional<absl::string_view> Find(const PackedLabels& labels, const std::string& key) {
  return labels.Find(key);
}

bool Holds(const LabelRequirement& requirement, std::optional<absl::string_view> value) {
  const auto listed = [&] {
    return std::find(requirement.values.begin(), requirement.values.end(), *value) !=
           requirement.values.end();
  };
  switch (requirement.op) {
    case Operator::kIn:
      return value && listed();
    case Operator::kNotIn:
      return !value || !listed();
    case Operator::kExists:
      return value.has_value();
    case Operator::kDoesNotExist:
      return !value.has_value();
  }
  return false;
}

template <typename AnyLabels>
bool MatchesAny(const LabelSelector& selector, const AnyLabels& labels) {
  for (const auto& [key, value] : selector.match_labels) {
    const std::optional<absl::string_view> found = Find(labels, key);
    if (!found || *found != value) return false;
  }
  return std::all_of(
      selector.match_expressions.begin(), selector.match_expressions.end(),
      [&](const LabelRequirement& requirement) { return Holds(requirement, Find(labels, requirement.key)); });
}

std::string Describe(const LabelRequirement& requirement) {
  const std::string values = absl::StrCat("(", absl::StrJoin(requirement.values, ","), ")");
  switch (requirement.op) {
    case Operator::kIn:
      return absl::StrCat(requirement.key, " in ", values);
    case Operator::kNotIn:
      return absl::StrCat(requirement.key, " notin ", values);
    case Operator::kExists:
      return requirement.key;
    case Operator::kDoesNotExist:
      return absl::StrCat("!", requirement.key);
  }
  return requirement.key;
}

}  // namespace

bool Matches(const LabelSelector& selector, const Labels& labels) {
  return MatchesAny(selector, labels);
}

bool Matches(const LabelSelector& selector, const PackedLabels& labels) {
  return MatchesAny(selector, labels);
}

LabelSelector Canonical(LabelSelector selector) {
  for (LabelRequirement& requirement : selector.match_expressions) SortUnique(requirement.values);
  SortUnique(selector.match_expressions);
  return selector;
}

std::string Describe(const LabelSelector& selector) {
  std::vector<std::string> parts;
  for (const auto& [key, value] : selector.match_labels) parts.push_back(absl::StrCat(key, "=", value));
  for (const LabelRequirement& requirement : selector.match_expressions) {
    parts.push_back(Describe(requirement));
  }
  return absl::StrJoin(parts, ",");
}

}  // namespace fairlead::policy
