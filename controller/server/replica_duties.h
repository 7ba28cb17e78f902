// What this replica does besides serving agents: what it writes at the API server for people to read, Events
// and status objects, and what it has to do with the other replicas. On the loop's thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/event_loop.h"
#include "controller/config/reporter.h"
#include "controller/events/reporter.h"
#include "controller/identity/tls_source.h"
#include "controller/lease/leader.h"
#include "controller/peers/other_replicas.h"
#include "controller/peers/peer_client.h"
#include "controller/peers/progress_round.h"
#include "controller/peers/replicas.h"
#include "controller/server/controller.h"
#include "controller/status/reporter.h"
#include "kube/access.h"
#include "kube/api_client.h"

namespace fairlead::controller {

class ReplicaDuties {
 public:
  struct Options {
    bool events = false;
    bool status_objects = false;
    bool peers = false;  // there may be other replicas
    ReplicaIdentity self;
  };

  // All must outlive it. `peer_texts`: what it shows to other replicas.
  static absl::StatusOr<std::unique_ptr<ReplicaDuties>> Start(const Options& options, kube::ApiAccess access,
                                                              Controller* controller,
                                                              const std::function<TlsTexts()>& peer_texts,
                                                              EventLoop* loop);

  // Null: there are no status objects.
  const Leader* leader() const { return leader_.get(); }
  // What is wrong now.
  absl::Status status() const;

 private:
  ReplicaDuties() = default;

  std::unique_ptr<kube::ApiClient> api_;
  std::unique_ptr<ConfigReporter> config_;
  std::unique_ptr<EventReporter> events_;
  std::unique_ptr<Leader> leader_;
  std::unique_ptr<PeerClient> peers_;
  std::unique_ptr<ProgressRound> progress_;
  std::unique_ptr<StatusReporter> status_;
  std::unique_ptr<Replicas> replicas_;
};

}  // namespace fairlead::controller
