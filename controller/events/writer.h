// Writes Events of the core API (v1). Their names are made of what they say, so that several replicas that
// see the same write one Event between them, without a lease.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "base/clock.h"
#include "controller/events/book.h"
#include "kube/api_client.h"
#include "kube/owned_call.h"

namespace fairlead::controller {

class EventWriter {
 public:
  // `instance`: who writes, as the Event names it: the pod's name.
  EventWriter(kube::ApiCall call, std::string instance, const Clock* clock);

  // Asks for the object's UID, by which kubectl describe finds its Events. A failure is logged when it is
  // another one than the last; the Event comes with the next repetition.
  void Write(const EventWrite& write);

 private:
  void Create(const EventWrite& write, const nlohmann::json& object);
  void Repeat(const EventWrite& write, const std::string& path);
  void OnFailure(const EventWrite& write, const absl::Status& status);
  std::string Now() const;

  kube::OwnedCall call_;
  std::string instance_;
  const Clock* clock_;
  std::string last_failure_;
};

}  // namespace fairlead::controller
