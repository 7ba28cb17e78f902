#include "policy/selection_index.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace fairlead::policy {
namespace {

using Operator = LabelRequirement::Operator;

// A NUL cannot stand in a label, so the two never meet.
std::string PairText(absl::string_view key, absl::string_view value) {
  return absl::StrCat(key, absl::string_view("\0", 1), value);
}
std::string KeyText(absl::string_view key) {
  return std::string(key);
}

// What `selector` is filed under: one label that all of its objects have, or, for In, one of each of
// the values; nothing when it requires no label. The longest pair, since short ones are often shared
// by everybody (env=prod).
std::vector<std::string> TextsOf(const LabelSelector& selector) {
  std::string pair;
  for (const auto& [key, value] : selector.match_labels) {
    std::string text = PairText(key, value);
    if (text.size() > pair.size()) pair = std::move(text);
  }
  if (!pair.empty()) return {pair};
  for (const LabelRequirement& requirement : selector.match_expressions) {
    if (requirement.op != Operator::kIn) continue;
    std::vector<std::string> texts;
    texts.reserve(requirement.values.size());
    for (const std::string& value : requirement.values) texts.push_back(PairText(requirement.key, value));
    std::sort(texts.begin(), texts.end());
    texts.erase(std::unique(texts.begin(), texts.end()), texts.end());
    return texts;
  }
  for (const LabelRequirement& requirement : selector.match_expressions) {
    if (requirement.op == Operator::kExists) return {KeyText(requirement.key)};
  }
  return {};
}

}  // namespace

SelectionIndex::LabelNumber SelectionIndex::Acquire(const std::string& text) {
  LabelText& label = label_texts_[text];
  if (label.users++ == 0) label.number = ++last_number_;
  return label.number;
}

void SelectionIndex::Release(const std::string& text) {
  const auto found = label_texts_.find(text);
  if (--found->second.users == 0) label_texts_.erase(found);
}

void SelectionIndex::Add(Id id, Scope scope, const LabelSelector& selector) {
  const std::vector<std::string> texts = TextsOf(selector);
  for (const std::string& text : texts) buckets_[{scope, Acquire(text)}].push_back(id);
  if (texts.empty()) buckets_[{scope, 0}].push_back(id);
}

void SelectionIndex::Remove(Id id, Scope scope, const LabelSelector& selector) {
  const auto remove = [&](LabelNumber number) {
    const auto bucket = buckets_.find({scope, number});
    std::vector<Id>& ids = bucket->second;
    ids.erase(std::find(ids.begin(), ids.end(), id));
    if (ids.empty()) buckets_.erase(bucket);
  };
  const std::vector<std::string> texts = TextsOf(selector);
  for (const std::string& text : texts) {
    remove(label_texts_.at(text).number);
    Release(text);
  }
  if (texts.empty()) remove(0);
}

void SelectionIndex::AppendCandidates(const std::vector<Scope>& scopes, const PackedLabels& labels,
                                      std::vector<Id>& candidates) const {
  std::vector<LabelNumber> numbers = {0};
  const auto add = [&](const std::string& text) {
    const auto found = label_texts_.find(text);
    if (found != label_texts_.end()) numbers.push_back(found->second.number);
  };
  labels.ForEach([&](absl::string_view key, absl::string_view value) {
    add(PairText(key, value));
    add(KeyText(key));
  });
  for (const Scope scope : scopes) {
    for (const LabelNumber number : numbers) {
      const auto bucket = buckets_.find({scope, number});
      if (bucket != buckets_.end()) {
        candidates.insert(candidates.end(), bucket->second.begin(), bucket->second.end());
      }
    }
  }
}

}  // namespace fairlead::policy
