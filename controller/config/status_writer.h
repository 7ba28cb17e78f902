// Writes the status of the FairleadConfig, where it does not say so already. Every replica does: all write
// the same, and a write counts only for the version that it was made for (resourceVersion), so that no lease
// is needed.
#pragma once

#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>

#include "absl/status/status.h"
#include "base/clock.h"
#include "kube/api_client.h"
#include "kube/owned_call.h"

namespace fairlead::controller {

class ConfigStatusWriter {
 public:
  // Replicas that were started with other options (in the middle of an upgrade) do not agree: each says the
  // same again after so long at the earliest.
  static constexpr int64_t kAgainNs = 30'000'000'000;
  static constexpr int64_t kRetryNs = 5'000'000'000;

  ConfigStatusWriter(kube::ApiCall call, const Clock* clock) : call_(std::move(call)), clock_(clock) {}

  // To be called whenever something may have changed, and now and then. `wanted`: see ConfigStatusOf.
  // `seen`: the newest resourceVersion of the kind that it takes into account.
  void Say(const nlohmann::json& wanted, uint64_t seen);

 private:
  void OnObject(const nlohmann::json& object);
  void OnWritten(const absl::Status& status, const nlohmann::json& generation);
  // Nothing is to be done until something changes, or until then.
  void Rest(int64_t until_ns);
  void OnFailure(const absl::Status& status);

  kube::OwnedCall call_;
  const Clock* clock_;
  bool busy_ = false;
  nlohmann::json wanted_;  // of the round that is under way, or was the last
  uint64_t seen_ = 0;
  int64_t rests_until_ns_ = 0;

  nlohmann::json written_, written_generation_;
  int64_t written_ns_ = std::numeric_limits<int64_t>::min() / 2;
  std::string last_failure_;
};

}  // namespace fairlead::controller
