// Is a certificate good? The same question that TLS asks (RFC 5280, 6), answered in words.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "pki/authority.h"
#include "pki/certificate.h"

namespace fairlead::pki {

struct Expected {
  Use use = Use::kClient;
  std::string dns_name;  // empty: under any name
};

// Of the first of `chain`; the others are between it and one of `authorities`. FAILED_PRECONDITION names
// the certificate and what is wrong with it.
absl::Status Verify(const std::vector<Certificate>& chain, const std::vector<Certificate>& authorities,
                    const Expected& expected, absl::Time now);

// Whether the signatures lead to one of `authorities`, whenever and whatever for.
bool IsSignedBy(const std::vector<Certificate>& chain, const std::vector<Certificate>& authorities);

}  // namespace fairlead::pki
