// What a controller, or whoever took its place, may send: read, staged, rolled back. Whatever comes,
// the state is the one from before or one in which every reference is held.
#include <cstdint>
#include <cstdlib>

#include "agent/decode.h"
#include "agent/encode.h"
#include "agent/node_state.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using fairlead::agent::NodeState;
  fairlead::control::v1::SyncResponse response;
  if (!response.ParseFromArray(data, static_cast<int>(size))) return 0;
  fairlead::agent::Push push = fairlead::agent::Decode(response);
  NodeState state("node-1");
  if (!state.Stage(push.changes).empty()) {
    if (!state.versions().empty()) abort();
    return 0;
  }
  const std::string taken = fairlead::agent::EncodeState(state, 0);
  // The same push again changes nothing, or is refused as a whole.
  (void)state.Stage(std::move(push.changes));
  state.Rollback();
  if (fairlead::agent::EncodeState(state, 0) != taken) {
    // Rolling the second one back must not have touched what the first one brought.
    abort();
  }
  return 0;
}
