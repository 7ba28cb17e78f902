#include "controller/server/identity.h"

#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "api/identity_names.h"
#include "grpcpp/security/auth_context.h"
#include "pki/certificate.h"

namespace fairlead::controller {
namespace {

absl::Time EndOf(const grpc::AuthContext& auth) {
  for (const grpc::string_ref& pem : auth.FindPropertyValues("x509_pem_cert")) {
    auto certificates = pki::ParseCertificates({pem.data(), pem.size()});
    return certificates.ok() ? certificates->front().end() : absl::InfinitePast();
  }
  return absl::InfiniteFuture();
}

}  // namespace

PeerIdentity IdentityOf(const grpc::ServerContextBase& context) {
  PeerIdentity identity;
  identity.local = absl::StartsWith(context.peer(), "unix:");
  std::shared_ptr<const grpc::AuthContext> auth = context.auth_context();
  if (identity.local || !auth || !auth->IsPeerAuthenticated()) return identity;
  identity.until = EndOf(*auth);
  for (const char* property : {"x509_common_name", "x509_uri", "x509_subject_alternative_name"}) {
    for (const grpc::string_ref& value : auth->FindPropertyValues(property)) {
      identity.authenticated = true;
      absl::string_view text(value.data(), value.size());
      identity.controller = identity.controller || text == kControllerPeerName;
      if (identity.node.empty() && absl::StartsWith(text, kNodeNamePrefix)) {
        identity.node = std::string(text.substr(sizeof(kNodeNamePrefix) - 1));
      }
    }
  }
  return identity;
}

bool MaySpeakFor(const PeerIdentity& peer, const std::string& node) {
  return peer.local || (peer.authenticated && peer.node == node);
}

bool MaySeeCluster(const PeerIdentity& peer) {
  return peer.local || (peer.authenticated && peer.node.empty());
}

bool MayAskForPeers(const PeerIdentity& peer) {
  return peer.local || (peer.authenticated && peer.controller && peer.node.empty());
}

}  // namespace fairlead::controller
