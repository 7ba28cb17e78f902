// What an API server, or whatever answers in its place, may send: a page of a list, and a watch's stream in
// pieces. Whatever comes, it is taken or refused; what is refused says why, and what is taken has a name.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

#include "controller/kubernetes/decode.h"
#include "controller/kubernetes/frames.h"

namespace fairlead::controller {
namespace {

void Check(const ManifestEntry& entry) {
  if (entry.object.has_value() == !entry.rejections.empty()) abort();
  if (entry.object && (!entry.key || entry.key->name.empty())) abort();
  for (const Rejection& rejection : entry.rejections) {
    if (rejection.message.empty()) abort();
  }
}

void CheckList(const ApiKind& kind, absl::string_view input) {
  const absl::StatusOr<ListPage> page = DecodeList(kind, input);
  if (!page.ok()) return;
  if (page->resource_version == 0) abort();
  for (const ManifestEntry& entry : page->entries) Check(entry);
}

void CheckEvent(const ApiKind& kind, const std::string& frame) {
  const absl::StatusOr<ApiEvent> event = DecodeEvent(kind, frame);
  if (!event.ok()) return;
  if (event->type == ApiEvent::Type::kPut) Check(event->entry);
  if (event->type == ApiEvent::Type::kDelete && !event->entry.key) abort();
  if (event->type != ApiEvent::Type::kError && event->resource_version == 0) abort();
}

// The frames of a stream that comes `step` bytes at a time.
std::vector<std::string> FramesOf(Framing framing, absl::string_view input, size_t step) {
  std::vector<std::string> all;
  Frames frames(framing);
  while (!input.empty()) {
    frames.Add(input.substr(0, step));
    input.remove_prefix(std::min(step, input.size()));
    while (true) {
      absl::StatusOr<std::optional<std::string>> frame = frames.Next();
      if (!frame.ok()) return all;
      if (!*frame) break;
      all.push_back(**std::move(frame));
    }
  }
  return all;
}

// The first byte says which kind, the second how the stream is cut.
void Run(absl::string_view input) {
  if (input.size() < 2) return;
  const ApiKind& kind = kApiKinds.at(static_cast<uint8_t>(input[0]) % kApiKinds.size());
  const size_t step = 1 + static_cast<uint8_t>(input[1]);
  input.remove_prefix(2);
  CheckList(kind, input);
  const Framing framing = kind.custom ? Framing::kLine : Framing::kLength;
  const std::vector<std::string> frames = FramesOf(framing, input, step);
  if (frames != FramesOf(framing, input, input.size() + 1)) abort();
  for (const std::string& frame : frames) CheckEvent(kind, frame);
}

}  // namespace
}  // namespace fairlead::controller

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fairlead::controller::Run(absl::string_view(reinterpret_cast<const char*>(data), size));
  return 0;
}
