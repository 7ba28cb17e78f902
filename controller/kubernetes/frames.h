// Bytes of a watch as they come -> whole frames: four bytes of length, most significant first, then
// as many bytes (k8s.io/apimachinery/pkg/util/framer).
#pragma once

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace fairlead::controller {

class Frames {
 public:
  // An object has at most 1.5 MiB in etcd; a longer frame is none.
  static constexpr uint32_t kMaxFrameBytes = 16 << 20;

  void Add(absl::string_view bytes) { pending_.append(bytes.data(), bytes.size()); }
  // The next one; nothing until all of it is there.
  absl::StatusOr<std::optional<std::string>> Next();
  void Clear() { *this = Frames(); }

 private:
  std::string pending_;
  size_t read_ = 0;  // bytes of `pending_` that were given out
};

}  // namespace fairlead::controller
