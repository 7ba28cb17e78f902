// A certificate authority of our own: made, and what it signs.
//
//   ASSIGN_OR_RETURN(Authority ca, MakeAuthority("fairlead-ca-1", {now - Hours(1), now + Hours(24 * 365)}));
//   ASSIGN_OR_RETURN(Certificate leaf, Sign(ca, key, {.common_name = "a", .use = Use::kClient}, lifetime));
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "pki/certificate.h"
#include "pki/key.h"

namespace fairlead::pki {

// Begin early enough for the clocks of those who check.
struct Lifetime {
  absl::Time begin;
  absl::Time end;
};

// The end of a TLS connection that a certificate may stand for; never both.
enum class Use { kClient, kServer };

struct Leaf {
  std::string common_name;  // 64 bytes at most (RFC 5280, ub-common-name)
  std::vector<std::string> uris;
  std::vector<std::string> dns_names;
  Use use = Use::kClient;
};

struct Authority {
  Certificate certificate;
  PrivateKey key;
};

// Signs itself, and leaves only: no authority below it.
absl::StatusOr<Authority> MakeAuthority(const std::string& common_name, const Lifetime& lifetime);

// Ends with the authority where that ends first. FAILED_PRECONDITION when nothing of the lifetime is left;
// INVALID_ARGUMENT for a name that cannot stand in a certificate.
absl::StatusOr<Certificate> Sign(const Authority& authority, const PublicKey& key, const Leaf& leaf,
                                 const Lifetime& lifetime);

}  // namespace fairlead::pki
