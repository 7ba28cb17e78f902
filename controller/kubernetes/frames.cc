#include "controller/kubernetes/frames.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "absl/strings/str_cat.h"

namespace fairlead::controller {

absl::StatusOr<std::optional<std::string>> Frames::Next() {
  return framing_ == Framing::kLine ? NextLine() : NextOfLength();
}

absl::StatusOr<std::optional<std::string>> Frames::NextLine() {
  const size_t end = pending_.find('\n', std::max(read_, scanned_));
  const size_t length = (end == std::string::npos ? pending_.size() : end) - read_;
  if (length > kMaxFrameBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("an event of the watch has more than ", kMaxFrameBytes, " bytes"));
  }
  if (end == std::string::npos) {
    pending_.erase(0, read_);
    read_ = 0;
    scanned_ = pending_.size();
    return std::optional<std::string>();
  }
  std::string line = pending_.substr(read_, length);
  read_ = end + 1;
  return std::optional<std::string>(std::move(line));
}

absl::StatusOr<std::optional<std::string>> Frames::NextOfLength() {
  uint32_t length = 0;
  if (pending_.size() - read_ < sizeof(length)) {
    pending_.erase(0, read_);
    read_ = 0;
    return std::optional<std::string>();
  }
  for (size_t i = 0; i < sizeof(length); ++i)
    length = length << 8 | static_cast<uint8_t>(pending_[read_ + i]);
  if (length > kMaxFrameBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("an event of the watch is said to have ", length, " bytes"));
  }
  if (pending_.size() - read_ - sizeof(length) < length) return std::optional<std::string>();
  std::string frame = pending_.substr(read_ + sizeof(length), length);
  read_ += sizeof(length) + length;
  return std::optional<std::string>(std::move(frame));
}

}  // namespace fairlead::controller
