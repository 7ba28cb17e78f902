// Follows what one other replica's agents report (Peers.Endpoints): pods' addresses, a moment after their ADD
// and long before the kubelet tells the API server. On the loop's thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "base/backoff.h"
#include "base/event_loop.h"
#include "controller/identity/tls_source.h"
#include "controller/model/pod_addresses.h"

namespace fairlead::controller {

class EndpointFollower {
 public:
  using Take = std::function<void(const std::string& node, const std::vector<ReportedEndpoint>& endpoints)>;

  static constexpr int64_t kFirstDelayNs = 100'000'000, kMaxDelayNs = 2'000'000'000;

  // Connects, and again whenever that ends. `texts`: as for GrpcPeerClient.
  EndpointFollower(std::string replica, std::function<TlsTexts()> texts, Take take, EventLoop* loop);
  // After the loop's end, or on its thread.
  ~EndpointFollower();
  EndpointFollower(const EndpointFollower&) = delete;
  EndpointFollower& operator=(const EndpointFollower&) = delete;

 private:
  class Stream;

  void Connect();
  void ConnectLater();
  void OnEnd(const absl::Status& status);

  std::string replica_;
  std::function<TlsTexts()> texts_;
  Take take_;
  EventLoop* loop_;
  Backoff backoff_{kFirstDelayNs, kMaxDelayNs, std::random_device()()};
  absl::Status said_;  // how the last stream ended, as the log has it
  std::shared_ptr<Stream> stream_;
  EventLoop::TimerId timer_ = 0;
};

}  // namespace fairlead::controller
