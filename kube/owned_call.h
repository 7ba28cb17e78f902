// An ApiCall that belongs to one object, as a member: once that object is gone, no answer is told any more.
//
//   class Leader { ... kube::OwnedCall call_; };
//   call_({.path = lease}, [this](const absl::StatusOr<nlohmann::json>& reply) { OnRead(reply); });
#pragma once

#include <memory>
#include <utility>

#include "kube/api_client.h"

namespace fairlead::kube {

class OwnedCall {
 public:
  explicit OwnedCall(ApiCall call) : call_(std::move(call)) {}
  OwnedCall(const OwnedCall&) = delete;
  OwnedCall& operator=(const OwnedCall&) = delete;

  void operator()(ApiRequest request, ApiClient::Done done) const {
    call_(std::move(request), [alive = std::weak_ptr<bool>(alive_),
                               done = std::move(done)](absl::StatusOr<nlohmann::json> reply) {
      if (!alive.expired()) done(std::move(reply));
    });
  }

 private:
  ApiCall call_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace fairlead::kube
