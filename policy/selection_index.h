// Finds the selectors that may select an object by its labels, without looking at all of them: each
// selector is filed under one label that it requires, within its scope.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "policy/model.h"
#include "policy/packed_labels.h"

namespace fairlead::policy {

class SelectionIndex {
 public:
  using Id = uint64_t;     // of a selector; the caller's
  using Scope = uint64_t;  // where it applies; the caller's

  void Add(Id id, Scope scope, const LabelSelector& selector);
  // With what Add was given.
  void Remove(Id id, Scope scope, const LabelSelector& selector);

  // Appends every selector of `scopes` that selects `labels`, each once, and others that may not.
  void AppendCandidates(const std::vector<Scope>& scopes, const PackedLabels& labels,
                        std::vector<Id>& candidates) const;

 private:
  // Number of a text that some selector is filed under; 0 is "requires no label".
  using LabelNumber = uint64_t;
  using Bucket = std::pair<Scope, LabelNumber>;

  struct LabelText {
    LabelNumber number = 0;
    uint32_t users = 0;
  };

  LabelNumber Acquire(const std::string& text);
  void Release(const std::string& text);

  absl::flat_hash_map<std::string, LabelText> label_texts_;
  absl::flat_hash_map<Bucket, std::vector<Id>> buckets_;
  LabelNumber last_number_ = 0;
};

}  // namespace fairlead::policy
