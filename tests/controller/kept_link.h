// The way back to an agent that keeps the push that is on its way, until the test takes it.
#pragma once

#include <optional>

#include "controller/sync/hub.h"

namespace fairlead::controller {

struct KeptLink : AgentLink {
  void Send(const Push& push) override { last = push; }
  void Close(const absl::Status&) override {}
  std::optional<Push> last;
};

}  // namespace fairlead::controller
