// One agent's stream as a state machine: what the agent holds, what is on its way, what is pending.
// api/control.proto says what the messages mean. No gRPC, no Protobuf, no clock.
//
// Memory is bounded however slow the agent is: one push is on its way at most, and what changes
// meanwhile is a set of ids; the content is looked up when the next push is made, so that the last
// write of each resource wins.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "controller/model/delta.h"
#include "controller/model/resource.h"
#include "controller/model/store.h"

namespace fairlead::controller {

struct HeldResource {
  ResourceId id;
  std::string version;
};

struct ResourceError {
  ResourceId id;
  std::string message;
};

// A resource, whole or as the difference to what the agent holds.
struct Upsert {
  ResourcePtr resource;
  std::optional<Delta> delta;
};

struct Push {
  uint64_t nonce = 0;
  uint64_t watermark = 0;
  std::vector<Upsert> upserts;  // what others refer to comes first
  std::vector<ResourceId> removals;
  bool complete = false;
};

class Session {
 public:
  // Resources of one push at most, so that no message grows beyond what gRPC carries; weighed by
  // their members, rules and backends.
  static constexpr size_t kMaxPushWeight = 20'000;

  // The agent's Hello. `store` must outlive the session.
  Session(const Store* store, std::string node, const std::vector<HeldResource>& held, uint64_t watermark);

  const std::string& node() const { return node_; }

  // Something changed; what concerns the node becomes pending.
  void OnChanges(const Changes& changes);
  // INVALID_ARGUMENT when `nonce` is not the one that is on its way.
  absl::Status OnAck(uint64_t nonce);
  absl::Status OnNack(uint64_t nonce, const std::vector<ResourceError>& errors);

  // The next push, if there is something to say and nothing on its way. Keeps quiet while
  // `watermark`, the source's, is behind the agent's.
  std::optional<Push> NextPush(uint64_t watermark);

  // The agent holds everything as of it. The first pieces of a large difference do not advance it.
  uint64_t acked_watermark() const { return acked_watermark_; }
  // The agent has been told everything and has acknowledged it.
  bool in_step() const { return complete_acked_ && pending_.empty() && !in_flight_; }
  // The agent has been told once all that its node is to hold, and has acknowledged it.
  bool told() const { return complete_acked_; }
  // What the agent has not acknowledged as it is now; nothing of what it refused.
  std::set<ResourceId> Outstanding() const;
  // Of the resources that the agent refused, until they change.
  std::vector<ResourceError> errors() const;

 private:
  // What the agent holds, or has refused: its version, and the content where this controller knows it.
  struct Held {
    std::string version;
    ResourcePtr resource;
  };
  struct InFlight {
    uint64_t nonce = 0;
    uint64_t watermark = 0;
    bool complete = false;
    bool last_piece = false;                 // nothing was left to say after it
    std::map<ResourceId, ResourcePtr> sent;  // null: removed
    std::set<ResourceId> as_delta;
  };
  struct Refused {
    std::string version;  // empty: its removal was refused
    std::string message;
  };

  void AddPending(const ResourceId& id);
  void AddToPush(const ResourceId& id, Push* push, InFlight* flight);
  // Those that were refused because something still mentioned the resource: it may have gone now.
  void RetryRemovals();

  const Store* store_;
  std::string node_;
  std::map<ResourceId, Held> held_;
  std::set<ResourceId> pending_;
  std::set<ResourceId> whole_next_;  // a delta was refused
  std::map<ResourceId, Refused> refused_;
  std::optional<InFlight> in_flight_;
  uint64_t last_nonce_ = 0;
  uint64_t acked_watermark_ = 0;
  uint64_t newest_watermark_ = 0;    // of anything that the agent holds
  bool announced_complete_ = false;  // a push with complete = true is out or was acknowledged
  bool complete_acked_ = false;
};

}  // namespace fairlead::controller
