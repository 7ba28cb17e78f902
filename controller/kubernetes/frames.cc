#include "controller/kubernetes/frames.h"

#include <cstdint>

#include "absl/strings/str_cat.h"

namespace fairlead::controller {

absl::StatusOr<std::optional<std::string>> Frames::Next() {
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
