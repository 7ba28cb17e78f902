#include "controller/identity/authorities.h"

#include <random>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "api/identity_names.h"
#include "base/status_macros.h"

namespace fairlead::controller {
namespace {

constexpr char kSigner[] = "ca";
constexpr char kNext[] = "next";
constexpr char kRetired[] = "retired.crt";
constexpr char kSigningSince[] = "signing-since";

// Each has a name of its own: OpenSSL looks for a CA by its name first.
absl::StatusOr<pki::Authority> MakeAuthority(absl::Time now) {
  const std::string name = absl::StrCat(kCaObject, absl::FormatTime("-%Y%m%d-", now, absl::UTCTimeZone()),
                                        absl::StrFormat("%08x", std::random_device()()));
  return pki::MakeAuthority(name, {now - kClockSkew, now + kAuthorityLife});
}

void EncodeTo(SecretData* data, const std::string& name, const pki::Authority& authority) {
  (*data)[name + ".crt"] = authority.certificate.ToPem();
  (*data)[name + ".key"] = authority.key.ToPem();
}

absl::StatusOr<std::string> Find(const SecretData& data, const std::string& key) {
  auto at = data.find(key);
  if (at == data.end()) return absl::InvalidArgumentError(absl::StrCat(key, ": is missing"));
  return at->second;
}

absl::StatusOr<pki::Authority> DecodeAuthority(const SecretData& data, const std::string& name) {
  const std::string certificate_name = name + ".crt";
  const std::string key_name = name + ".key";
  ASSIGN_OR_RETURN(const std::string certificate_pem, Find(data, certificate_name));
  ASSIGN_OR_RETURN(const std::string key_pem, Find(data, key_name));
  absl::StatusOr<std::vector<pki::Certificate>> certificates = pki::ParseCertificates(certificate_pem);
  if (!certificates.ok()) return WrapError(certificates.status(), certificate_name);
  absl::StatusOr<pki::PrivateKey> key = pki::PrivateKey::Parse(key_pem);
  if (!key.ok()) return WrapError(key.status(), key_name);
  const pki::Certificate& certificate = certificates->front();
  if (certificates->size() != 1 || !certificate.is_authority()) {
    return absl::InvalidArgumentError(absl::StrCat(certificate_name, ": is not one certificate of a CA"));
  }
  if (!certificate.IsOfKey(*key)) {
    return absl::InvalidArgumentError(absl::StrCat(key_name, ": is not the key of ", certificate_name));
  }
  return pki::Authority{certificate, *std::move(key)};
}

bool IsExpired(const pki::Certificate& certificate, absl::Time now) {
  return certificate.end() <= now;
}

}  // namespace

std::vector<pki::Certificate> Authorities::Trusted() const {
  std::vector<pki::Certificate> all = {signer.certificate};
  if (next) all.push_back(next->certificate);
  all.insert(all.end(), retired.begin(), retired.end());
  return all;
}

SecretData Encode(const Authorities& authorities) {
  SecretData data;
  EncodeTo(&data, kSigner, authorities.signer);
  data[kSigningSince] = absl::FormatTime(absl::RFC3339_sec, authorities.signing_since, absl::UTCTimeZone());
  if (authorities.next) EncodeTo(&data, kNext, *authorities.next);
  if (!authorities.retired.empty()) data[kRetired] = pki::ToPem(authorities.retired);
  return data;
}

absl::StatusOr<Authorities> Decode(const SecretData& data) {
  ASSIGN_OR_RETURN(pki::Authority signer, DecodeAuthority(data, kSigner));
  Authorities authorities{.signer = std::move(signer)};
  ASSIGN_OR_RETURN(const std::string since, Find(data, kSigningSince));
  std::string problem;
  if (!absl::ParseTime(absl::RFC3339_full, since, &authorities.signing_since, &problem)) {
    return absl::InvalidArgumentError(absl::StrCat(kSigningSince, ": ", problem));
  }
  if (data.count(absl::StrCat(kNext, ".crt")) > 0 || data.count(absl::StrCat(kNext, ".key")) > 0) {
    ASSIGN_OR_RETURN(authorities.next, DecodeAuthority(data, kNext));
  }
  if (auto at = data.find(kRetired); at != data.end()) {
    auto retired = pki::ParseCertificates(at->second);
    if (!retired.ok()) return WrapError(retired.status(), kRetired);
    authorities.retired = *std::move(retired);
  }
  return authorities;
}

absl::StatusOr<Authorities> MakeAuthorities(absl::Time now) {
  ASSIGN_OR_RETURN(pki::Authority signer, MakeAuthority(now));
  return Authorities{.signer = std::move(signer), .signing_since = now};
}

absl::StatusOr<std::optional<Authorities>> Rotate(const Authorities& held, absl::Time now) {
  Authorities wanted = held;
  bool changed = false;
  // Nobody trusts the signer any more: nothing to wait for.
  const bool is_late = IsExpired(held.signer.certificate, now);
  if (!held.next && (is_late || now >= pki::RenewalTime(held.signer.certificate))) {
    ASSIGN_OR_RETURN(wanted.next, MakeAuthority(now));
    changed = true;
  }
  if (wanted.next && (is_late || now >= wanted.next->certificate.begin() + kClockSkew + kPublishedFor)) {
    wanted.retired.insert(wanted.retired.begin(), wanted.signer.certificate);
    wanted.signer = *std::move(wanted.next);
    wanted.next.reset();
    wanted.signing_since = now;
    changed = true;
  }
  // What a retired one signed last was signed before the present one began to.
  const bool over = now >= wanted.signing_since + kLeafLife + kClockSkew;
  changed |= std::erase_if(wanted.retired, [&](const pki::Certificate& retired) {
               return over || IsExpired(retired, now);
             }) > 0;
  if (!changed) return std::nullopt;
  return wanted;
}

pki::Lifetime LeafLifetime(absl::Time now) {
  return {now - kClockSkew, now + kLeafLife};
}

}  // namespace fairlead::controller
