#include "policy/packed_labels.h"

#include <cstdint>

namespace fairlead::policy {

PackedLabels::PackedLabels(const Labels& labels) {
  for (const auto& [key, value] : labels) {
    Append(key);
    Append(value);
  }
  text_.shrink_to_fit();
}

// Keys have at most 317 characters and values 63 (Kubernetes API, labels); what is longer was refused
// long before.
void PackedLabels::Append(absl::string_view part) {
  part = part.substr(0, UINT16_MAX);
  text_.push_back(static_cast<char>(part.size() & 0xff));
  text_.push_back(static_cast<char>(part.size() >> 8));
  text_.append(part.data(), part.size());
}

absl::string_view PackedLabels::Read(size_t& at) const {
  const size_t size = static_cast<uint8_t>(text_[at]) | size_t{static_cast<uint8_t>(text_[at + 1])} << 8;
  const absl::string_view part(text_.data() + at + 2, size);
  at += 2 + size;
  return part;
}

std::optional<absl::string_view> PackedLabels::Find(absl::string_view key) const {
  for (size_t at = 0; at < text_.size();) {
    const absl::string_view found = Read(at);
    const absl::string_view value = Read(at);
    if (found == key) return value;
  }
  return std::nullopt;
}

}  // namespace fairlead::policy
