#include "agent/persisted_state.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/decode.h"
#include "agent/encode.h"
#include "agent/state_file.h"
#include "base/status_macros.h"

namespace fairlead::agent {

absl::StatusOr<SavedState> LoadSavedState(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string content, ReadStateFile(path));
  control::v1::SyncResponse response;
  if (!response.ParseFromString(content)) {
    return absl::DataLossError(absl::StrCat("read ", path, ": its content is no state of an agent"));
  }
  Push push = Decode(response);
  if (!push.errors.empty()) {
    return absl::DataLossError(absl::StrCat("read ", path, ": ", KindName(push.errors[0].id.kind), " ",
                                            push.errors[0].id.name, ": ", push.errors[0].message));
  }
  return SavedState{std::move(push.changes), push.watermark};
}

std::string SavedStateOf(const NodeState& state, uint64_t watermark) {
  return EncodeState(state, watermark);
}

}  // namespace fairlead::agent
