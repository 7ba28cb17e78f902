// A certificate request from anybody: refused, or its key is one that a certificate can be signed for. And
// the same bytes as certificates and as a key.
#include <cstdint>
#include <cstdlib>

#include "absl/time/time.h"
#include "pki/authority.h"
#include "pki/request.h"
#include "pki/verify.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace fairlead::pki;  // NOLINT(google-build-using-namespace)
  static const absl::Time now = absl::FromUnixSeconds(1'800'000'000);
  static const Lifetime lifetime{now - absl::Hours(1), now + absl::Hours(1)};
  static const Authority authority = MakeAuthority("fuzz", lifetime).value();
  const absl::string_view text(reinterpret_cast<const char*>(data), size);

  if (auto key = ParseRequest(text); key.ok()) {
    if (!Sign(authority, *key, {.common_name = "a"}, lifetime).ok()) std::abort();
  }
  if (auto certificates = ParseCertificates(text); certificates.ok()) {
    for (const Certificate& certificate : *certificates) {
      certificate.common_names();
      certificate.uris();
      certificate.end();
      certificate.is_authority();
    }
    // Nobody but the authority signs what it would take.
    if (Verify(*certificates, {authority.certificate}, {}, now).ok()) std::abort();
  }
  (void)PrivateKey::Parse(text);
  return 0;
}
