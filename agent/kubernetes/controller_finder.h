// Finds the controller's replicas by one list of pods at the API server; no virtual address is needed, for
// it is us who make those work. What was found is kept on disk, so that a node that boots with no API server
// in reach knows whom to try. It lists again only when replicas are lost. Lives on the state thread.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/backoff.h"
#include "base/event_loop.h"
#include "kube/api_client.h"

namespace fairlead::agent {

class ControllerFinder {
 public:
  struct Options {
    std::string node;
    std::string namespace_name;  // of the controller's pods
    uint16_t port = 9443;
    std::string cache_file;  // its folder must exist
    int64_t first_delay_ns = 500'000'000;
    int64_t max_delay_ns = 60'000'000'000;
    // After replicas were lost while another one answers: no hurry.
    int64_t refresh_delay_ns = 60'000'000'000;
  };
  // Both run on the loop's thread. `found`: in the order in which to try them.
  using Found = std::function<void(std::vector<std::string>)>;
  using Note = std::function<void(const absl::Status&)>;

  // `loop` and `api` must outlive it. `note` is told what became of each look.
  ControllerFinder(Options options, EventLoop* loop, kube::ApiClient* api, Found found, Note note);
  // On the loop's thread or after its end, like the client.
  ~ControllerFinder() { loop_->Cancel(timer_); }
  ControllerFinder(const ControllerFinder&) = delete;
  ControllerFinder& operator=(const ControllerFinder&) = delete;

  // Tells what is on disk at once, then looks.
  void Start();
  // Replicas are not where they were; `all`: none of them answers.
  void LookAgain(bool all);

 private:
  void LookIn(int64_t delay_ns);
  void Look();
  void Take(const absl::StatusOr<nlohmann::json>& list);

  Options options_;
  EventLoop* loop_;
  kube::ApiClient* api_;
  Found found_;
  Note note_;
  Backoff backoff_, refresh_;
  EventLoop::TimerId timer_ = 0;
  int64_t due_ns_ = 0;  // of timer_
  int64_t looked_ns_ = 0;
  bool looking_ = false;
  std::vector<std::string> controllers_;
};

}  // namespace fairlead::agent
