// Keeps the status objects at the API server: FairleadNode and FairleadRealisation. Of all replicas only the
// one that holds the Lease does; it asks the others how their agents are. On the loop's thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "base/clock.h"
#include "base/event_loop.h"
#include "controller/lease/leader.h"
#include "controller/peers/progress_round.h"
#include "controller/server/controller.h"
#include "controller/status/book.h"
#include "controller/status/realisations.h"
#include "kube/api_client.h"
#include "kube/owned_call.h"

namespace fairlead::controller {

class StatusReporter {
 public:
  // Between rounds; longer where a round takes so long that it would be more than a fiftieth of the time.
  static constexpr int64_t kIntervalNs = 2'000'000'000;
  // What others did to the objects is found so often.
  static constexpr int64_t kReadAgainNs = 600'000'000'000;

  // All must outlive it.
  StatusReporter(const Controller* controller, kube::ApiCall call, const Leader* leader,
                 ProgressRound* progress, const Clock* clock, EventLoop* loop);
  ~StatusReporter();
  StatusReporter(const StatusReporter&) = delete;
  StatusReporter& operator=(const StatusReporter&) = delete;

  // Once; the next ones follow by themselves.
  void Round();
  // What went wrong last, when it was tried last.
  const absl::Status& status() const { return status_; }

 private:
  void RoundIn(int64_t delay_ns);
  // Pages of a list, one after the other; then the next list, then the round.
  void Read(const std::string& path, const std::string& token);
  void OnRead(const std::string& path, const absl::StatusOr<nlohmann::json>& page);
  void Ask();
  void Tell(const RealisationRound& round, const ClusterView& view);
  void Write(const StatusWrite& write);
  void OnWritten(const std::string& path, const absl::Status& status);
  void EndRound(const absl::Status& status);

  const Controller* controller_;
  kube::OwnedCall call_;
  const Leader* leader_;
  ProgressRound* progress_;
  const Clock* clock_;
  EventLoop* loop_;
  std::optional<StatusBook> book_;    // none: not leading, or the objects are not read yet
  std::vector<nlohmann::json> read_;  // so far
  int64_t read_ns_ = 0;               // when they were read last
  int64_t worked_ns_ = 0;             // in this round
  absl::Status status_;
  absl::Status failure_;  // of a write of this round
  size_t writing_ = 0;
  EventLoop::TimerId timer_ = 0;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace fairlead::controller
