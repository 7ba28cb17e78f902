// Agents as far as a controller sees them: each takes what it is sent at once. What they are sent is made
// into the bytes that would go over the wire.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "controller/sync/hub.h"

namespace fairlead::bench {

struct Sent {
  uint64_t pushes = 0;
  uint64_t bytes = 0;
};

class Agents {
 public:
  explicit Agents(controller::Hub* hub) : hub_(hub) {}

  // One of each Node, with nothing to begin with.
  void Connect(const std::vector<std::string>& nodes);
  // Acknowledges until nobody is sent anything more; what was sent since the last time.
  Sent Settle();

 private:
  class Link : public controller::AgentLink {
   public:
    explicit Link(Agents* agents) : agents_(agents) {}
    void Send(const controller::Push& push) override;
    void Close(const absl::Status& status) override;

   private:
    Agents* agents_;
  };
  struct Unanswered {
    Link* link = nullptr;
    uint64_t nonce = 0;
  };

  controller::Hub* hub_;
  std::vector<std::unique_ptr<Link>> links_;
  std::deque<Unanswered> unanswered_;
  Sent sent_;
};

}  // namespace fairlead::bench
