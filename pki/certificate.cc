#include "pki/certificate.h"

#include <openssl/err.h>
#include <openssl/pem.h>

#include <ctime>
#include <utility>

#include "absl/strings/str_cat.h"
#include "pki/openssl.h"

namespace fairlead::pki {
namespace {

constexpr size_t kMaxBytes = 256 << 10;
constexpr size_t kMaxCertificates = 64;

std::string Text(const ASN1_STRING* value) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(value)),
          static_cast<size_t>(ASN1_STRING_length(value))};
}

absl::Time TimeOf(const ASN1_TIME* time, absl::Time otherwise) {
  std::tm parts{};
  return ASN1_TIME_to_tm(time, &parts) == 1 ? absl::FromTM(parts, absl::UTCTimeZone()) : otherwise;
}

}  // namespace

Certificate::Certificate(x509_st* certificate) : certificate_(certificate, &X509_free) {}

std::string Certificate::ToPem() const {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(bio.get(), certificate_.get());
  return TakeText(bio.get());
}

std::vector<std::string> Certificate::common_names() const {
  std::vector<std::string> found;
  const X509_NAME* subject = X509_get_subject_name(certificate_.get());
  for (int at = -1; (at = X509_NAME_get_index_by_NID(subject, NID_commonName, at)) >= 0;) {
    found.push_back(Text(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at))));
  }
  return found;
}

std::vector<std::string> Certificate::AlternativeNames(int type) const {
  std::vector<std::string> found;
  const GeneralNamesPtr names(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate_.get(), NID_subject_alt_name, nullptr, nullptr)));
  ERR_clear_error();  // of a damaged extension
  for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type == type) found.push_back(Text(name->d.ia5));
  }
  return found;
}

std::vector<std::string> Certificate::uris() const {
  return AlternativeNames(GEN_URI);
}

std::vector<std::string> Certificate::dns_names() const {
  return AlternativeNames(GEN_DNS);
}

absl::Time Certificate::begin() const {
  return TimeOf(X509_get0_notBefore(certificate_.get()), absl::InfinitePast());
}

absl::Time Certificate::end() const {
  return TimeOf(X509_get0_notAfter(certificate_.get()), absl::InfiniteFuture());
}

bool Certificate::is_authority() const {
  return X509_check_ca(certificate_.get()) == 1;
}

bool Certificate::IsOfKey(const PrivateKey& key) const {
  const bool fits = X509_check_private_key(certificate_.get(), key.get()) == 1;
  ERR_clear_error();
  return fits;
}

bool Certificate::operator==(const Certificate& other) const {
  return X509_cmp(certificate_.get(), other.certificate_.get()) == 0;
}

absl::StatusOr<std::vector<Certificate>> ParseCertificates(absl::string_view pem) {
  if (pem.size() > kMaxBytes) {
    return absl::InvalidArgumentError(absl::StrCat("longer than ", kMaxBytes, " bytes"));
  }
  const BioPtr bio = OpenText(pem);
  std::vector<Certificate> found;
  while (X509* certificate =
             PEM_read_bio_X509(bio.get(), nullptr, nullptr, const_cast<char*>(kNoPassphrase))) {
    found.emplace_back(certificate);
    if (found.size() > kMaxCertificates) {
      return absl::InvalidArgumentError(absl::StrCat("more than ", kMaxCertificates, " certificates"));
    }
  }
  // The end of the text is an error of its own.
  if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE) {
    return BadInput(absl::StrCat("certificate ", found.size() + 1, " is damaged"));
  }
  ERR_clear_error();
  if (found.empty()) return absl::InvalidArgumentError("holds no certificate in PEM");
  return found;
}

std::string ToPem(const std::vector<Certificate>& certificates) {
  std::string text;
  for (const Certificate& certificate : certificates) absl::StrAppend(&text, certificate.ToPem());
  return text;
}

absl::Time RenewalTime(const Certificate& certificate, double jitter) {
  const absl::Duration life = certificate.end() - certificate.begin();
  return certificate.begin() + life * (2.0 / 3) - life * (jitter / 20);
}

std::string TimeText(absl::Time time) {
  return absl::FormatTime("%Y-%m-%d %H:%M:%S UTC", time, absl::UTCTimeZone());
}

}  // namespace fairlead::pki
