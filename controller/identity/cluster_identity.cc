#include "controller/identity/cluster_identity.h"

#include <utility>

#include "api/identity_names.h"
#include "base/status_macros.h"
#include "pki/verify.h"
#include "spdlog/spdlog.h"

namespace fairlead::controller {
namespace {

std::string NameOf(const pki::Certificate& ca) {
  const std::vector<std::string> names = ca.common_names();
  return names.empty() ? "a CA without a name" : names.front();
}

}  // namespace

ClusterIdentity::ClusterIdentity(kube::ApiCall call, const std::string& namespace_name, const Clock* clock,
                                 EventLoop* loop, std::shared_ptr<HeldTls> tls)
    : clock_(clock),
      loop_(loop),
      tls_(std::move(tls)),
      keeper_(call, namespace_name, clock),
      signer_(std::move(call), namespace_name, clock) {}

ClusterIdentity::~ClusterIdentity() {
  loop_->Cancel(timer_);
}

void ClusterIdentity::Start(std::function<void()> on_ready) {
  on_ready_ = std::move(on_ready);
  Round();
}

void ClusterIdentity::Round() {
  timer_ = 0;
  keeper_.Round([this](const absl::Status& status) { OnRound(status); });
}

void ClusterIdentity::OnRound(const absl::Status& status) {
  absl::Status all = status;
  // Also when the API server is away: what is held signs on.
  if (authorities()) {
    if (absl::Status taken = TakeIn(*authorities()); !taken.ok()) all = taken;
  }
  if (!all.ok() && all != status_) spdlog::error("{}", std::string(all.message()));
  if (all.ok() && !status_.ok()) spdlog::info("the CA is as it should be again");
  status_ = all;
  if (all.ok()) backoff_.Reset();
  timer_ = loop_->After(std::chrono::nanoseconds(all.ok() ? backoff_.LongestNs() : backoff_.NextNs()),
                        [this] { Round(); });
  if (certificate_ && on_ready_) std::exchange(on_ready_, nullptr)();
}

bool ClusterIdentity::IsCertificateDue(const Authorities& authorities, absl::Time now) const {
  return !certificate_ || now >= pki::RenewalTime(*certificate_) ||
         !pki::IsSignedBy({*certificate_}, authorities.Trusted());
}

absl::Status ClusterIdentity::TakeIn(const Authorities& authorities) {
  signer_.SetAuthorities(authorities);
  const absl::Time now = absl::FromUnixNanos(clock_->WallNs());
  const std::string trusted_pem = pki::ToPem(authorities.Trusted());
  const bool is_due = IsCertificateDue(authorities, now);
  if (!is_due && trusted_pem == texts_.ca) return absl::OkStatus();
  if (is_due) {
    ASSIGN_OR_RETURN(const pki::PrivateKey key, pki::PrivateKey::Make());
    ASSIGN_OR_RETURN(const pki::PublicKey public_key, key.Public());
    const pki::Leaf leaf{
        .common_name = kControllerName, .dns_names = {kControllerName}, .use = pki::Use::kServer};
    ASSIGN_OR_RETURN(certificate_, pki::Sign(authorities.signer, public_key, leaf, LeafLifetime(now)));
    ASSIGN_OR_RETURN(
        const pki::Certificate peer,
        pki::Sign(authorities.signer, public_key,
                  {.common_name = kControllerPeerName, .use = pki::Use::kClient}, LeafLifetime(now)));
    texts_.cert = certificate_->ToPem();
    texts_.key = key.ToPem();
    peer_texts_ = {texts_.ca, peer.ToPem(), texts_.key};
    spdlog::info("this controller's certificate is signed by {}, until {}",
                 NameOf(authorities.signer.certificate), pki::TimeText(certificate_->end()));
  }
  if (trusted_pem != texts_.ca) {
    for (const pki::Certificate& ca : authorities.Trusted()) {
      spdlog::info("trusted CA: {}, until {}", NameOf(ca), pki::TimeText(ca.end()));
    }
  }
  texts_.ca = trusted_pem;
  peer_texts_.ca = trusted_pem;
  tls_->Hold(texts_);
  return absl::OkStatus();
}

}  // namespace fairlead::controller
