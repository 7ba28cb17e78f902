// The node's datapath as the agent sees it: open (load or adopt), apply a desired state, attach and
// detach pods, read back what the kernel holds, explain a packet.
//
// Not thread-safe; owned by the agent's one state thread. Nothing here talks to Kubernetes or gRPC.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "datapath/desired_state.h"
#include "datapath/state_changes.h"

namespace fairlead::datapath {

struct Options {
  // Folder on a bpffs; made when absent. One node each.
  std::string pin_dir = "/sys/fs/bpf/fairlead";
  // cgroup v2 folder whose processes get socket-level balancing; empty: none.
  std::string cgroup_dir;
  // Devices that lead to other nodes and to the outside. Empty: those that hold a node address.
  std::vector<std::string> node_devices;
  // Connections tracked at most; fixed when the maps are made.
  uint32_t max_connections = 1 << 18;
  // Use clsact even where tcx is to be had; for tests.
  bool force_clsact = false;
};

// What Apply did and could not do.
struct ApplyReport {
  struct Failure {
    std::string kind;  // "PolicySet", "Service", "Endpoint", "AddressGroup", "Node", "NodeConfig"
    std::string name;
    absl::Status status;
  };
  uint64_t writes = 0;    // map entries written or deleted because the desired state changed
  uint64_t repaired = 0;  // entries found different from what had been written before
  // The previous state of these objects stays in force.
  std::vector<Failure> failures;
};

struct MapUsage {
  std::string name;
  uint64_t entries = 0;
  uint64_t capacity = 0;
  uint64_t bytes = 0;
};

struct AttachedProgram {
  std::string hook;  // "tcx ingress of flp1a2b3c", "clsact egress of eth0", "cgroup connect4"
  std::string program;
  uint32_t program_id = 0;
  bool ours = false;  // what runs there is what we hold
};

struct Feature {
  std::string name;  // "tcx"
  bool available = false;
  std::string used_for;
};

struct ReasonCount {
  std::string name;
  uint64_t packets = 0;
  uint64_t bytes = 0;
};

struct Connection {
  uint8_t protocol = 0;
  IpAddress client, server;  // as the client addresses them
  uint16_t client_port = 0, server_port = 0;
  bool translated = false;
  IpAddress translated_client, translated_server;
  uint16_t translated_client_port = 0, translated_server_port = 0;
  std::string state;  // "unreplied", "established", "closing"
  uint32_t idle_ms = 0;
  uint32_t expires_in_ms = 0;
  uint64_t packets = 0, bytes = 0;
  std::string service;  // "namespace/name"
};

// A flow event with the names that this node knows.
struct FlowEvent {
  int64_t monotonic_ns = 0;
  bool dropped = false;
  std::string reason;  // FL_REASONS name
  std::string stage;   // FL_STAGES name
  uint8_t protocol = 0;
  IpAddress source, destination;
  uint16_t source_port = 0, destination_port = 0;
  std::optional<IpAddress> service_address;
  uint16_t service_port = 0;
  std::string source_pod, destination_pod, service;  // "namespace/name"
  std::optional<policy::RuleOrigin> rule;
  uint32_t length = 0;
  uint64_t lost_before = 0;
};

struct SetState {
  std::string name;
  uint32_t generation = 0;
  uint32_t epoch = 0;
  uint32_t endpoints = 0;
};

struct ExplainRequest {
  IpAddress source, destination;
  uint8_t protocol = 6;
  uint16_t source_port = 0;  // 0: one that no connection uses
  uint16_t destination_port = 0;
};

struct ExplainStage {
  std::string name;  // "socket level", "source check", "conntrack", "service", "egress policy", "ingress
                     // policy", "route"
  bool passed = false;
  std::string detail;  // the deciding entry in words
  std::string entry;   // map and key, for bpftool
};

struct Explanation {
  bool allowed = false;
  std::string reason;  // FL_REASONS name
  std::vector<ExplainStage> stages;
  std::optional<policy::RuleOrigin> origin;                   // of the rule that decided, allow or deny
  policy::Direction direction = policy::Direction::kIngress;  // of that rule's set
  IpAddress source, destination;                              // after translation
  uint16_t destination_port = 0;
  std::string next_node;  // the packet leaves for this node; its agent knows the rest
};

inline constexpr size_t kMaxMarkSize = 127;

class Datapath {
 public:
  // Loads the programs, adopts pinned maps of the same layout, replaces pinned programs in place; where maps
  // have another layout now, that happens in the first Apply of a complete state (decision 0013). Traffic of
  // what was attached before flows on throughout. FAILED_PRECONDITION when another process owns `pin_dir`
  // (two agents on one node).
  static absl::StatusOr<std::unique_ptr<Datapath>> Open(const Options& options);

  virtual ~Datapath() = default;

  // Makes the kernel hold `desired`: writes the difference to what was applied before, which is within
  // `changes` and what failed then; with `verify` compares everything, also reads everything back and
  // mends what differs. Publishes every change by one write. On a failure of an object its old version
  // stays, and it is tried, and named, again until it succeeds.
  virtual absl::StatusOr<ApplyReport> Apply(const DesiredState& desired, const StateChanges& changes,
                                            bool verify) = 0;
  absl::StatusOr<ApplyReport> Apply(const DesiredState& desired, bool verify) {
    return Apply(desired, StateChanges::Everything(), verify);
  }

  // A line of at most kMaxMarkSize bytes that lives exactly as long as what Apply has written: its owner
  // finds out after a restart what the kernel holds. "" when there is none.
  virtual std::string Mark() const = 0;
  virtual absl::Status SetMark(const std::string& mark) = 0;

  // Attaches the pod programs to both directions of the host's end of a pod's link. Before Apply
  // has made the endpoint ready everything on the link drops. Idempotent.
  virtual absl::Status AttachPod(uint32_t ifindex) = 0;
  // Removes pins that belong to the link, and what the maps hold of its endpoint, complete or not. The
  // link itself may be gone already.
  virtual absl::Status DetachPod(uint32_t ifindex) = 0;

  // NOT_FOUND or FAILED_PRECONDITION naming what differs, when the kernel does not hold the endpoint
  // with `key` as last applied: programs attached, maps written. For CNI CHECK.
  virtual absl::Status CheckEndpoint(const std::string& key) const = 0;

  // MTU of pod interfaces, and of routes to other nodes' pods, bytes of an IP packet.
  virtual uint32_t PodMtu() const = 0;
  virtual uint32_t RemotePodMtu() const = 0;

  virtual absl::StatusOr<Explanation> Explain(const ExplainRequest& request) const = 0;

  // Walks every map whose entries nobody counts.
  virtual std::vector<MapUsage> Maps() const = 0;
  // The one of them that traffic fills, without that walk; capacity 0: not known.
  virtual MapUsage ConnectionTable() const = 0;
  virtual std::vector<AttachedProgram> Programs() const = 0;
  virtual std::vector<Feature> Features() const = 0;
  virtual std::vector<ReasonCount> Drops() const = 0;
  virtual std::vector<SetState> Sets() const = 0;
  // Visits the connections in the `limit` places of the table from `place` on (0: from its beginning), and
  // returns the place to go on from, or 0 at the end. So a full table is read in short steps: a connection
  // that lives from the first of them to the last is visited once.
  virtual absl::StatusOr<uint32_t> ReadConnections(
      uint32_t place, uint32_t limit, const std::function<void(const Connection&)>& visit) const = 0;

  // Becomes readable when many events wait; few of them wake nobody, so ReadEvents is due now and then.
  virtual int events_fd() const = 0;
  // Hands the waiting events over, at most `limit`; returns how many.
  virtual int ReadEvents(int limit, const std::function<void(const FlowEvent&)>& visit) = 0;
};

// Takes every link, pin and device away that a Datapath with these options has made.
absl::Status RemoveAll(const Options& options);

}  // namespace fairlead::datapath
