// One X.509 certificate, or those of a PEM text. A value: copies share what never changes. That it was
// read says nothing of its being good: see verify.h.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "pki/key.h"

struct x509_st;

namespace fairlead::pki {

class Certificate {
 public:
  // Takes the reference over.
  explicit Certificate(x509_st* certificate);

  std::string ToPem() const;
  // All that the subject has.
  std::vector<std::string> common_names() const;
  // Of the subject alternative names.
  std::vector<std::string> uris() const;
  std::vector<std::string> dns_names() const;
  // Infinite where the certificate's text is no time.
  absl::Time begin() const;
  absl::Time end() const;
  bool is_authority() const;
  bool IsOfKey(const PrivateKey& key) const;
  // Of the whole; two equal certificates are one.
  bool operator==(const Certificate& other) const;

  x509_st* get() const { return certificate_.get(); }

 private:
  std::vector<std::string> AlternativeNames(int type) const;
  std::shared_ptr<x509_st> certificate_;
};

// Those of a PEM text in their order, 64 at most; other PEM objects and text between are passed over.
// INVALID_ARGUMENT when there is none, and when one is damaged.
absl::StatusOr<std::vector<Certificate>> ParseCertificates(absl::string_view pem);
std::string ToPem(const std::vector<Certificate>& certificates);

// When to ask for the next one: at two thirds of its life, and up to a twentieth before, as `jitter`, 0 to 1,
// says.
absl::Time RenewalTime(const Certificate& certificate, double jitter = 0);

// "2026-11-21 16:50:34 UTC"
std::string TimeText(absl::Time time);

}  // namespace fairlead::pki
