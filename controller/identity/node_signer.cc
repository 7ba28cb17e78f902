#include "controller/identity/node_signer.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "api/identity_names.h"
#include "base/status_macros.h"
#include "controller/identity/token_review.h"
#include "pki/request.h"
#include "spdlog/spdlog.h"

namespace fairlead::controller {
namespace {

constexpr size_t kMaxTokenBytes = 16 << 10;
constexpr size_t kMaxCommonName = 64;

// The URI says it all; the common name is for people, and has no room for the longest names of nodes.
pki::Leaf LeafOf(const std::string& node) {
  const std::string name = kNodeNamePrefix + node;
  return {.common_name = name.size() <= kMaxCommonName ? name : kAgentAccount,
          .uris = {name},
          .use = pki::Use::kClient};
}

}  // namespace

NodeSigner::NodeSigner(kube::ApiCall call, std::string namespace_name, const Clock* clock)
    : call_(std::move(call)), namespace_(std::move(namespace_name)), clock_(clock) {}

absl::Status NodeSigner::Check(const SigningRequest& request) {
  if (!limit_.Take(request.address, clock_->MonotonicNs())) {
    return absl::ResourceExhaustedError(absl::StrCat("too many requests for certificates, from ",
                                                     request.address, " or in all: try again later"));
  }
  if (!authorities_) {
    return absl::UnavailableError("this controller has no CA yet (its log says why): try again later");
  }
  if (request.token.empty() || request.token.size() > kMaxTokenBytes) {
    return absl::UnauthenticatedError(
        "there is no service account token in the request, or a longer one than any is");
  }
  return absl::OkStatus();
}

void NodeSigner::Sign(const SigningRequest& request, Done done) {
  if (absl::Status status = Check(request); !status.ok()) {
    ++refused_;
    done(status);
    return;
  }
  auto answer = [this, alive = std::weak_ptr<bool>(alive_), address = request.address,
                 csr_pem = request.csr_pem, done = std::move(done)](absl::StatusOr<nlohmann::json> review) {
    if (alive.expired()) return;
    absl::StatusOr<std::string> node =
        review.ok()
            ? NodeOfReview(*review, namespace_)
            : absl::UnavailableError(absl::StrCat(
                  "ask the API server whose token it is: ", review.status().message(), ": try again later"));
    absl::StatusOr<SignedCertificate> result = node.ok() ? SignFor(*node, csr_pem) : node.status();
    if (result.ok()) {
      ++signed_;
      spdlog::info("signed a certificate for the agent of node {} at {}, until {}", *node, address,
                   pki::TimeText(result->certificate.end()));
    } else {
      ++refused_;
      spdlog::warn("refused to sign a certificate for {}: {}", address,
                   std::string(result.status().message()));
    }
    done(result);
  };
  call_(ReviewRequest(request.token), std::move(answer));
}

absl::StatusOr<SignedCertificate> NodeSigner::SignFor(const std::string& node,
                                                      const std::string& csr_pem) const {
  absl::StatusOr<pki::PublicKey> key = pki::ParseRequest(csr_pem);
  if (!key.ok()) return WrapError(key.status(), "the certificate request");
  ASSIGN_OR_RETURN(pki::Certificate certificate,
                   pki::Sign(authorities_->signer, *key, LeafOf(node),
                             LeafLifetime(absl::FromUnixNanos(clock_->WallNs()))));
  return SignedCertificate{node, std::move(certificate), pki::ToPem(authorities_->Trusted())};
}

}  // namespace fairlead::controller
