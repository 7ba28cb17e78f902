#include "controller/server/identity.h"

#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "grpcpp/security/auth_context.h"

namespace fairlead::controller {
namespace {

constexpr absl::string_view kNodePrefix = "system:fairlead:node:";

}  // namespace

PeerIdentity IdentityOf(const grpc::ServerContextBase& context) {
  PeerIdentity identity;
  std::shared_ptr<const grpc::AuthContext> auth = context.auth_context();
  if (!auth || !auth->IsPeerAuthenticated()) return identity;
  for (const char* property : {"x509_common_name", "x509_uri", "x509_subject_alternative_name"}) {
    for (const grpc::string_ref& value : auth->FindPropertyValues(property)) {
      identity.authenticated = true;
      absl::string_view text(value.data(), value.size());
      if (identity.node.empty() && absl::StartsWith(text, kNodePrefix)) {
        identity.node = std::string(text.substr(kNodePrefix.size()));
      }
    }
  }
  return identity;
}

bool MaySpeakFor(const PeerIdentity& peer, const std::string& node) {
  return !peer.authenticated || peer.node == node;
}

bool MaySeeCluster(const PeerIdentity& peer) {
  return !peer.authenticated || peer.node.empty();
}

}  // namespace fairlead::controller
