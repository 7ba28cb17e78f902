// The labels of an object in one allocation. A cluster has a hundred thousand pods, and a map of
// strings costs a kilobyte each.
#pragma once

#include <optional>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "policy/model.h"

namespace fairlead::policy {

class PackedLabels {
 public:
  PackedLabels() = default;
  explicit PackedLabels(const Labels& labels);

  std::optional<absl::string_view> Find(absl::string_view key) const;

  // Calls `visit(key, value)` in the order of keys.
  template <typename Visitor>
  void ForEach(Visitor visit) const {
    for (size_t at = 0; at < text_.size();) {
      const absl::string_view key = Read(at);
      const absl::string_view value = Read(at);
      visit(key, value);
    }
  }

  bool operator==(const PackedLabels&) const = default;

  template <typename H>
  friend H AbslHashValue(H h, const PackedLabels& labels) {
    return H::combine(std::move(h), labels.text_);
  }

 private:
  // The text at `at`, which moves on to the next.
  absl::string_view Read(size_t& at) const;
  void Append(absl::string_view part);

  std::string text_;  // key, value, key, value, ...: each two bytes of length, then the bytes
};

}  // namespace fairlead::policy
