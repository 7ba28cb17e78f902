// The controller's part in the cluster's certificates, on the loop's thread: its own certificate, always
// fresh; the CA that signs it, kept with the other replicas; and the signing of agents' certificates.
//
//   Secret fairlead-ca <-> AuthorityKeeper -> this controller's certificate -> HeldTls (every handshake)
//                                          -> another, for what it asks other replicas (peer_texts)
//                                          -> NodeSigner (Identity.Sign)
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "base/backoff.h"
#include "base/clock.h"
#include "base/event_loop.h"
#include "controller/identity/authority_keeper.h"
#include "controller/identity/node_signer.h"
#include "controller/identity/tls_source.h"

namespace fairlead::controller {

class ClusterIdentity {
 public:
  // The Secret is read again so often, after a failure sooner. A change of the CA is known to all replicas
  // long before it counts.
  static constexpr std::chrono::seconds kRoundInterval{60}, kFirstDelay{1};

  ClusterIdentity(kube::ApiCall call, const std::string& namespace_name, const Clock* clock, EventLoop* loop,
                  std::shared_ptr<HeldTls> tls);
  ~ClusterIdentity();

  // `on_ready` once: there is a certificate.
  void Start(std::function<void()> on_ready);

  NodeSigner& signer() { return signer_; }
  const NodeSigner& signer() const { return signer_; }
  // What went wrong last; what was read before stays in force.
  const absl::Status& status() const { return status_; }
  const std::optional<Authorities>& authorities() const { return keeper_.authorities(); }
  const std::optional<pki::Certificate>& certificate() const { return certificate_; }
  // How it shows itself to other replicas; empty before there is a certificate.
  const TlsTexts& peer_texts() const { return peer_texts_; }

 private:
  void Round();
  void OnRound(const absl::Status& status);
  absl::Status TakeIn(const Authorities& authorities);
  bool IsCertificateDue(const Authorities& authorities, absl::Time now) const;

  const Clock* clock_;
  EventLoop* loop_;
  std::shared_ptr<HeldTls> tls_;
  AuthorityKeeper keeper_;
  NodeSigner signer_;
  std::function<void()> on_ready_;
  absl::Status status_;
  std::optional<pki::Certificate> certificate_;
  TlsTexts texts_, peer_texts_;
  // Replicas that start together do not ask, nor write, together.
  Backoff backoff_{std::chrono::nanoseconds(kFirstDelay).count(),
                   std::chrono::nanoseconds(kRoundInterval).count(), std::random_device()()};
  EventLoop::TimerId timer_ = 0;
};

}  // namespace fairlead::controller
