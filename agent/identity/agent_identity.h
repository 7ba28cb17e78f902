// Keeps this node's identity towards the cluster's controllers: a certificate that they signed, and the CAs
// that they may be signed by. Both are on disk, so that a restart needs nobody; both are renewed long before
// they are needed. Lives on the state thread.
//
//   ConfigMap fairlead-ca -> CAs to trust -> Identity.Sign(CSR, token) at one controller after the other
//     -> key, certificate, CAs in one file -> the next connection
//
// What fails is tried again with a growing delay, and told to `note`; what is held stays in use.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "agent/controller_tls.h"
#include "agent/identity/node_identity.h"
#include "agent/identity/sign_client.h"
#include "base/backoff.h"
#include "base/clock.h"
#include "base/event_loop.h"
#include "kube/api_client.h"

namespace fairlead::agent {

class AgentIdentity : public ControllerTls {
 public:
  struct Options {
    std::string node;
    std::string namespace_name;
    std::string file;  // in a folder that exists
    std::string token_file = "/var/run/secrets/fairlead/token";
    int64_t first_delay_ns = 500'000'000;
    int64_t max_delay_ns = 60'000'000'000;
    // The CAs are read again so often, and at most so often after connections that fail.
    std::chrono::nanoseconds refresh_interval = std::chrono::hours(1);
    std::chrono::nanoseconds refresh_pause = std::chrono::seconds(10);
  };
  struct Listener {
    std::function<void()> on_renewed;               // connections may be tried anew
    std::function<void(const absl::Status&)> note;  // how it is with the certificate
  };

  // `loop`, `clock` and `signer` must outlive it.
  AgentIdentity(Options options, EventLoop* loop, const Clock* clock, kube::ApiCall call, SignClient* signer,
                Listener listener);
  ~AgentIdentity() override;

  // Reads the file; asks where there is need.
  void Start();
  // Whom to ask, in this order.
  void SetControllers(std::vector<std::string> controllers);

  absl::StatusOr<TlsTexts> Texts() override;
  std::string Advice(const absl::Status& failure) override;

  // When the certificate ends; nothing: there is none.
  std::optional<absl::Time> end() const;

 private:
  void Load();
  // Reads the CAs; then asks for a certificate if it is time.
  void Refresh();
  void RefreshIn(std::chrono::nanoseconds delay);
  void OnConfigMap(const absl::StatusOr<nlohmann::json>& map);
  absl::Status TakeTrusted(const nlohmann::json& map);
  bool IsDue() const;
  void Ask(const std::string& token, size_t attempt);
  absl::Status TakeAnswer(const SignAnswer& answer, const pki::PrivateKey& key);
  void Hold(NodeIdentity identity);
  void Succeed();
  void Fail(const absl::Status& status);
  absl::Time Now() const { return absl::FromUnixNanos(clock_->WallNs()); }

  Options options_;
  EventLoop* loop_;
  const Clock* clock_;
  kube::ApiCall call_;
  SignClient* signer_;
  Listener listener_;
  Backoff backoff_;
  std::vector<std::string> controllers_;
  size_t place_ = 0;  // in controllers_: who is asked first
  std::optional<NodeIdentity> held_;
  absl::Time renewal_ = absl::InfinitePast();
  std::vector<pki::Certificate> trusted_;
  absl::Status problem_ = absl::UnavailableError("no certificate has been asked for yet");
  bool busy_ = false;
  int64_t refreshed_ns_ = 0;  // monotonic
  EventLoop::TimerId timer_ = 0;
  std::minstd_rand random_{std::random_device()()};
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace fairlead::agent
