// Asks an API server for single objects, and writes them, in JSON: for what is done now and then. What has to
// be followed is watched by the controller (controller/kubernetes), for all nodes.
//
//   client->Call({.path = "/api/v1/namespaces/kube-system/configmaps/fairlead-ca"},
//                [this](absl::StatusOr<nlohmann::json> map) { ... });
//
// Transfers happen on a thread of its own; answers are told on the loop's. A server that does not answer is
// passed over for the next one, and the one that did is asked first from then on. It tries no request again
// later: that is the caller's decision.
#pragma once

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>

#include "absl/status/statusor.h"
#include "base/event_loop.h"
#include "kube/access.h"
#include "kube/api_request.h"

namespace fairlead::kube {

class ApiClient {
 public:
  using Done = std::function<void(absl::StatusOr<nlohmann::json>)>;

  static constexpr int kMaxAtOnce = 16;  // requests under way; further ones wait
  static constexpr size_t kMaxReplyBytes = 16 << 20;

  // `loop` must outlive it.
  static absl::StatusOr<std::unique_ptr<ApiClient>> Start(ApiAccess access, EventLoop* loop);
  // On the loop's thread, or after its end: no `done` is called any more.
  ~ApiClient();
  ApiClient(const ApiClient&) = delete;
  ApiClient& operator=(const ApiClient&) = delete;

  // From any thread. `done` is called once: with the object, or with an error as ReadReply says; UNAVAILABLE
  // when no server answered in time.
  void Call(ApiRequest request, Done done);

 private:
  struct State;
  explicit ApiClient(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

// How code that can be tested without a server asks: ApiClient::Call, or a stand-in. The answer is told once,
// on the loop's thread, after the call has returned.
using ApiCall = std::function<void(ApiRequest, ApiClient::Done)>;

}  // namespace fairlead::kube
