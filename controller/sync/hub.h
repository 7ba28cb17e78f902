// All agents' sessions over one store. A change fans out to the streams that it concerns within the
// same call. One thread calls it (see EventLoop).
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "controller/model/store.h"
#include "controller/sync/progress.h"
#include "controller/sync/session.h"

namespace fairlead::controller {

// The way back to one agent; the gRPC stream, or a fake.
class AgentLink {
 public:
  virtual ~AgentLink() = default;
  // At most one push is on its way at a time.
  virtual void Send(const Push& push) = 0;
  // Ends the stream. The hub forgets the link.
  virtual void Close(const absl::Status& status) = 0;
};

inline constexpr uint32_t kProtocolVersion = 1;

struct HelloMessage {
  uint32_t protocol_version = 0;
  std::string node;
  std::string agent_version;
  std::vector<HeldResource> held;
  uint64_t watermark = 0;
  std::vector<ReportedEndpoint> endpoints;
};

struct AgentStatus {
  std::string node;
  std::string version;
  bool connected = false;
  bool in_step = false;
  uint64_t acked_watermark = 0;
  std::vector<ResourceError> errors;
};

class Hub {
 public:
  explicit Hub(Store* store) : store_(store) {}

  // The source says something new, of which `touched` alone may differ, or the same with a higher watermark.
  void SetObjects(const Objects& objects, uint64_t watermark, const TouchedObjects& touched = std::nullopt);
  uint64_t watermark() const { return watermark_; }
  // Called when an agent holds a watermark above ours: the source is to make sure that it is not
  // behind, and to go beyond it (SetObjects). Until then that agent is told nothing.
  void OnAgentAhead(std::function<void(uint64_t)> callback) { agent_ahead_ = std::move(callback); }

  // For a controller that has just started and learns pods' addresses from their agents alone: nobody is told
  // anything until every node with such pods has said Hello, or EndWait(). Told at once, an agent would take
  // from Services and policies what other nodes have not said yet, and end live connections.
  void WaitForNodes() { waiting_ = true; }
  // The nodes that it waits for.
  std::set<std::string> AwaitedNodes() const;
  void EndWait();

  // What comes from a link. An error is what its stream ends with.
  absl::Status OnHello(AgentLink* link, const HelloMessage& hello);
  absl::Status OnAck(AgentLink* link, uint64_t nonce);
  absl::Status OnNack(AgentLink* link, uint64_t nonce, const std::vector<ResourceError>& errors);
  absl::Status OnReport(AgentLink* link, const std::vector<ReportedEndpoint>& upserts,
                        const std::vector<ReportedEndpoint>& removals);
  absl::Status OnHealth(AgentLink* link, AgentHealth health);
  void OnGone(AgentLink* link);
  // What the agent of `node` has told another replica. Nothing where it is connected here: it told so itself.
  void OnPeerReport(const std::string& node, const std::vector<ReportedEndpoint>& endpoints);

  // `callback` runs when an agent of this replica has reported endpoints, until its id is given back.
  uint64_t OnReported(std::function<void(const std::string& node)> callback);
  void StopOnReported(uint64_t id) { reported_watchers_.erase(id); }

  std::vector<AgentStatus> Agents() const;
  AgentProgress ProgressOf(const std::string& node) const;
  // Of all that are connected.
  ClusterProgress Progress() const;
  std::set<std::string> ConnectedNodes() const;

 private:
  struct Agent {
    AgentLink* link = nullptr;  // null: not connected
    std::string version;
    std::unique_ptr<Session> session;   // stays after the stream, for the status
    std::optional<AgentHealth> health;  // as it said on this stream
  };

  absl::StatusOr<Agent*> AgentOf(AgentLink* link);
  void FanOut(const Changes& changes);
  void Pump(Agent& agent);
  void DropAgentsWithoutNode();
  void EndWaitIfAllAreThere();
  void TellReported(const std::string& node);
  void Disconnect(Agent& agent, const absl::Status& status);

  Store* store_;
  std::map<std::string, Agent> agents_;           // by node
  std::map<AgentLink*, std::string> link_nodes_;  // node of a link that said Hello
  uint64_t watermark_ = 0;
  uint64_t highest_hello_ = 0;  // watermark of an agent; such a one is told nothing while ours is lower
  bool waiting_ = false;
  std::map<uint64_t, std::function<void(const std::string&)>> reported_watchers_;
  uint64_t last_watcher_ = 0;
  std::function<void(uint64_t)> agent_ahead_ = [](uint64_t) {};
};

}  // namespace fairlead::controller
