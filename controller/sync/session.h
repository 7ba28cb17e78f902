// One agent's stream as a state machine: what the agent holds, what is on its way, what is pending.
// api/control.proto says what the messages mean. No gRPC, no Protobuf, no clock.
//
// Memory is bounded however slow the agent is: one push is on its way at most, and what changes
// meanwhile is a set of ids; the content is looked up when the next push is made, so that the last
// write of each resource wins. An agent that is in step costs nothing but its node's own: what it holds is
// what the store has, and only where it differs is it kept here.
#pragma once

#include <cstdint>
#include <deque>
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
  DeltaPtr delta;  // null: whole
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
  static constexpr size_t kMaxPushWeight = 5'000;

  // The agent's Hello. `store` must outlive the session.
  Session(const Store* store, std::string node, const std::vector<HeldResource>& held, uint64_t watermark,
          size_t max_push_weight = kMaxPushWeight);

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
  bool in_step() const { return complete_acked_ && nothing_to_say() && !in_flight_; }
  // The agent has been told once all that its node is to hold, and has acknowledged it.
  bool told() const { return complete_acked_; }
  // What the agent has not acknowledged as it is now; nothing of what it refused.
  std::set<ResourceId> Outstanding() const;
  // Of the resources that the agent refused, until they change.
  std::vector<ResourceError> errors() const;

 private:
  // What the agent holds of something that is pending, on its way or refused.
  struct Held {
    std::string version;   // empty: nothing
    ResourcePtr resource;  // null: its content is not known here
    // Even if the version is the same, or nothing was held and nothing is there.
    bool to_be_told_anyway = false;
  };
  struct Unheld {
    ResourcePtr resource;
    bool holds_another = false;  // version of it
    bool is_changed = false;     // since: it is pending, or was told
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

  // `before`: what the store had until now; null: nothing.
  void OnChange(const ResourceId& id, const ResourcePtr& before);
  void AddPending(const ResourceId& id);
  // Null: it is not among these.
  Unheld* FindUnheld(const ResourceId& id);
  // Pending ids in the order in which they are told.
  std::vector<ResourceId> PendingInOrder() const;
  void AddToPush(const ResourceId& id, Push* push, InFlight* flight);
  // The first of `unheld_`, unless it has changed since.
  void AddUnheld(Push* push, InFlight* flight);
  bool nothing_to_say() const { return pending_.empty() && unheld_.empty(); }
  // Those that were refused because something still mentioned the resource: it may have gone now.
  void RetryRemovals();

  const Store* store_;
  std::string node_;
  size_t max_push_weight_;
  // What the agent was found not to hold when it said Hello, in the order in which it is told.
  std::deque<Unheld> unheld_;
  std::set<ResourceId> pending_;
  std::map<ResourceId, Held> differing_;  // of everything else the agent holds what the store has
  std::map<ResourceId, Refused> refused_;
  std::optional<InFlight> in_flight_;
  uint64_t last_nonce_ = 0;
  uint64_t acked_watermark_ = 0;
  uint64_t newest_watermark_ = 0;    // of anything that the agent holds
  bool announced_complete_ = false;  // a push with complete = true is out or was acknowledged
  bool complete_acked_ = false;
};

}  // namespace fairlead::controller
