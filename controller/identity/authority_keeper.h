// Keeps the cluster's certificate authorities: reads the Secret, makes or fills it where there is none, takes
// the steps of a rotation that are due, and publishes the certificates in the ConfigMap. Every replica does
// the same; the API server's resourceVersions decide who was first, and the others read again.
//
// What was read stays in force while the API server is away. A Secret that cannot be understood is left as it
// is: somebody else's work is not overwritten.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "base/clock.h"
#include "controller/identity/authorities.h"
#include "kube/api_client.h"
#include "kube/owned_call.h"

namespace fairlead::controller {

class AuthorityKeeper {
 public:
  // After each round: how it ended. `authorities()` is what to go by.
  using Done = std::function<void(const absl::Status&)>;

  static constexpr int kMaxAttempts = 5;  // of a round, when others write too

  AuthorityKeeper(kube::ApiCall call, std::string namespace_name, const Clock* clock);

  // Reads, and writes what is due. A round that is under way is not disturbed: false.
  bool Round(Done done);

  // None before the first good round.
  const std::optional<Authorities>& authorities() const { return authorities_; }

 private:
  struct Kind;
  static const Kind kSecret, kConfigMap;

  void Begin();
  void OnSecret(absl::StatusOr<nlohmann::json> secret);
  void WriteSecret(const nlohmann::json& before, const Authorities& wanted);
  void Publish();
  // The data of the object that was read as `before`, or of a new one. Then `go_on`, or a new attempt when
  // somebody else was first.
  void Write(const Kind& kind, const nlohmann::json& before, nlohmann::json data,
             std::function<void()> go_on);
  void End(const absl::Status& status);
  absl::Time Now() const;
  std::string PathOf(const Kind& kind) const;
  std::string Name(const Kind& kind) const;  // "Secret kube-system/fairlead-ca"

  kube::OwnedCall call_;
  std::string namespace_;
  const Clock* clock_;
  std::optional<Authorities> authorities_;
  Done done_;  // of the round that is under way
  int attempts_ = 0;
  nlohmann::json config_map_;  // as read; null: there is none
};

}  // namespace fairlead::controller
