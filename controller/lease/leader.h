// Whether this replica is the one that writes what is to be written once: a Lease of the API server
// (coordination.k8s.io/v1), taken, renewed, and taken over from a holder that has stopped renewing it. On the
// loop's thread.
//
// Clocks of different machines are never compared: a holder is gone when its Lease has stayed the same for
// as long as it may, by this replica's own clock. A holder counts itself as one for less than that. Two
// replicas may still both believe it for a moment (a process that was stopped and goes on): what they write
// must bear that.
#pragma once

#include <cstdint>
#include <random>
#include <string>

#include "absl/status/status.h"
#include "base/clock.h"
#include "base/event_loop.h"
#include "kube/api_client.h"
#include "kube/owned_call.h"

namespace fairlead::controller {

class Leader {
 public:
  static constexpr int64_t kDurationNs = 15'000'000'000;  // a Lease that is not renewed is free after it
  static constexpr int64_t kRenewNs = 10'000'000'000;     // who has not renewed for so long is no holder
  static constexpr int64_t kIntervalNs = 3'000'000'000;   // between rounds, with jitter

  // `holder`: what this replica is called, unlike all others.
  Leader(kube::ApiCall call, const std::string& namespace_name, std::string holder, const Clock* clock,
         EventLoop* loop);
  ~Leader();
  Leader(const Leader&) = delete;
  Leader& operator=(const Leader&) = delete;

  // Asks at once; further rounds follow by themselves.
  void Round();
  bool leads() const { return renewed_ns_ >= 0 && clock_->MonotonicNs() - renewed_ns_ < kRenewNs; }
  // What went wrong last.
  const absl::Status& status() const { return status_; }

  static constexpr char kName[] = "fairlead-controller";

 private:
  void OnRead(const absl::StatusOr<nlohmann::json>& lease, int64_t asked_ns);
  void Create(int64_t asked_ns);
  void Take(const nlohmann::json& lease, int64_t asked_ns);
  void OnWritten(const absl::Status& status, int64_t asked_ns);
  void EndRound(const absl::Status& status);
  nlohmann::json Spec(bool is_new, int64_t transitions) const;

  kube::OwnedCall call_;
  std::string leases_;  // path
  std::string holder_;
  const Clock* clock_;
  EventLoop* loop_;
  std::minstd_rand random_{std::random_device()()};
  absl::Status status_;
  int64_t renewed_ns_ = -1;  // when the request that renewed it last was made; -1: not holding
  std::string seen_;         // the Lease's resourceVersion
  int64_t seen_ns_ = 0;      // since when it is that
  EventLoop::TimerId timer_ = 0;
};

}  // namespace fairlead::controller
