// Follows all kinds of objects at the API server, on a thread of its own: requests, decoding and
// reading happen there, and what is new is handed over in the order in which it came.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "controller/kubernetes/reflector.h"
#include "kube/access.h"
#include "kube/http_client.h"

namespace fairlead::controller {

class ApiWatcher {
 public:
  struct News {
    const ApiKind* kind = nullptr;
    std::vector<ApiUpdate> updates;
    std::string problem;  // of this kind now; empty: none
  };

  // `deliver` runs on the watcher's thread, with each piece of news.
  static absl::StatusOr<std::unique_ptr<ApiWatcher>> Start(kube::ApiAccess access, uint32_t seed,
                                                           std::function<void(News)> deliver);
  // Ends the thread; `deliver` is not called any more.
  ~ApiWatcher();
  ApiWatcher(const ApiWatcher&) = delete;
  ApiWatcher& operator=(const ApiWatcher&) = delete;

  // From any thread: lists every kind anew, at the API server's newest state; those lists' updates
  // carry at least this `round`, which counts up.
  void ListAnew(uint64_t round);

 private:
  class Follower;
  ApiWatcher(std::unique_ptr<kube::HttpClient> client, uint32_t seed, std::function<void(News)> deliver);
  void Run();

  std::function<void(News)> deliver_;
  std::unique_ptr<kube::HttpClient> client_;
  std::vector<std::unique_ptr<Follower>> followers_;
  std::atomic<bool> stopped_ = false;
  std::atomic<uint64_t> wanted_round_ = 0;
  std::thread thread_;
};

}  // namespace fairlead::controller
