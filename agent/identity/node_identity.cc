#include "agent/identity/node_identity.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "api/identity_names.h"
#include "base/status_macros.h"
#include "pki/verify.h"

namespace fairlead::agent {

TlsTexts NodeIdentity::Texts() const {
  return {.ca = pki::ToPem(trusted), .cert = certificate.ToPem(), .key = key.ToPem()};
}

std::string Encode(const NodeIdentity& identity) {
  return absl::StrCat(identity.key.ToPem(), identity.certificate.ToPem(), pki::ToPem(identity.trusted));
}

absl::StatusOr<NodeIdentity> Decode(absl::string_view pem) {
  ASSIGN_OR_RETURN(std::vector<pki::Certificate> certificates, pki::ParseCertificates(pem));
  // Found among the certificates: before the first of them.
  const absl::string_view before = pem.substr(0, pem.find("-----BEGIN CERTIFICATE-----"));
  ASSIGN_OR_RETURN(pki::PrivateKey key, pki::PrivateKey::Parse(before));
  NodeIdentity identity{std::move(key), certificates.front(), {certificates.begin() + 1, certificates.end()}};
  if (!identity.certificate.IsOfKey(identity.key)) {
    return absl::InvalidArgumentError("the key is not that of the certificate");
  }
  return identity;
}

absl::Status Check(const NodeIdentity& identity, const std::string& node, absl::Time now) {
  RETURN_IF_ERROR(pki::Verify({identity.certificate}, identity.trusted, {pki::Use::kClient, ""}, now));
  const std::vector<std::string> names = identity.certificate.uris();
  const std::string wanted = kNodeNamePrefix + node;
  if (std::find(names.begin(), names.end(), wanted) != names.end()) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "the certificate is that of \"", absl::StrJoin(names, "\", \""), "\", this is node ", node));
}

}  // namespace fairlead::agent
