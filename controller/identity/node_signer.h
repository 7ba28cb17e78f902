// Signs the certificates of nodes' agents. Who asks shows a service account token; the API server says whose
// it is and on which node its pod runs, and that alone decides what the certificate says.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "controller/identity/authorities.h"
#include "controller/identity/rate_limit.h"
#include "kube/api_client.h"

namespace fairlead::controller {

struct SigningRequest {
  std::string address;  // where it comes from; without a port
  std::string csr_pem;
  std::string token;
};

struct SignedCertificate {
  std::string node;
  pki::Certificate certificate;
  std::string trusted_pem;  // every CA to trust from now on
};

class NodeSigner {
 public:
  using Done = std::function<void(const absl::StatusOr<SignedCertificate>&)>;

  // A cluster of 5,000 nodes that starts at once is served within 50 seconds; an agent needs one a day.
  static constexpr RateLimit::Rate kRateOfAll{100, 200};
  static constexpr RateLimit::Rate kRateOfEach{0.2, 10};

  NodeSigner(kube::ApiCall call, std::string namespace_name, const Clock* clock);

  // What signs from now on.
  void SetAuthorities(const Authorities& authorities) { authorities_ = authorities; }
  // `done` with the errors of api/identity.proto; not after the signer's end.
  void Sign(const SigningRequest& request, Done done);

  uint64_t signed_count() const { return signed_; }
  uint64_t refused_count() const { return refused_; }

 private:
  absl::Status Check(const SigningRequest& request);
  absl::StatusOr<SignedCertificate> SignFor(const std::string& node, const std::string& csr_pem) const;

  kube::ApiCall call_;
  std::string namespace_;
  const Clock* clock_;
  RateLimit limit_{kRateOfAll, kRateOfEach};
  std::optional<Authorities> authorities_;
  uint64_t signed_ = 0;
  uint64_t refused_ = 0;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace fairlead::controller
