// Bytes of a watch as they come -> whole frames (k8s.io/apimachinery/pkg/util/framer). In Protobuf: four
// bytes of length, most significant first, then as many bytes. In JSON: lines.
#pragma once

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace fairlead::controller {

enum class Framing { kLength, kLine };

class Frames {
 public:
  explicit Frames(Framing framing = Framing::kLength) : framing_(framing) {}

  // An object has at most 1.5 MiB in etcd; a longer frame is none.
  static constexpr uint32_t kMaxFrameBytes = 16 << 20;

  void Add(absl::string_view bytes) { pending_.append(bytes.data(), bytes.size()); }
  // The next one; nothing until all of it is there.
  absl::StatusOr<std::optional<std::string>> Next();
  void Clear() { *this = Frames(framing_); }

 private:
  absl::StatusOr<std::optional<std::string>> NextOfLength();
  absl::StatusOr<std::optional<std::string>> NextLine();

  Framing framing_;
  std::string pending_;
  size_t read_ = 0;     // bytes of `pending_` that were given out
  size_t scanned_ = 0;  // and those where no end of a line is
};

}  // namespace fairlead::controller
