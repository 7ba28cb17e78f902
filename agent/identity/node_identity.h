// This node's identity towards controllers, as it lies on the disk: a key, its certificate, and the CAs to
// trust, in one PEM text, so that they are replaced together. A value.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "agent/controller_tls.h"
#include "pki/certificate.h"
#include "pki/key.h"

namespace fairlead::agent {

struct NodeIdentity {
  pki::PrivateKey key;
  pki::Certificate certificate;
  std::vector<pki::Certificate> trusted;

  TlsTexts Texts() const;
};

// The key, the certificate, the trusted ones.
std::string Encode(const NodeIdentity& identity);
absl::StatusOr<NodeIdentity> Decode(absl::string_view pem);

// Whether a controller will know the agent of `node` by it: FAILED_PRECONDITION says why not.
absl::Status Check(const NodeIdentity& identity, const std::string& node, absl::Time now);

}  // namespace fairlead::agent
