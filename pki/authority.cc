#include "pki/authority.h"

#include <openssl/objects.h>
#include <openssl/rand.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "pki/openssl.h"

namespace fairlead::pki {
namespace {

constexpr size_t kMaxCommonName = 64;
constexpr int kSerialBytes = 16;

using StackOfObjects = std::unique_ptr<EXTENDED_KEY_USAGE, Deleter<EXTENDED_KEY_USAGE_free>>;
using BigNumber = std::unique_ptr<BIGNUM, Deleter<BN_free>>;

// Positive, and never the same twice (RFC 5280, 4.1.2.2).
bool SetSerial(X509* certificate) {
  unsigned char bytes[kSerialBytes];
  if (RAND_bytes(bytes, sizeof(bytes)) != 1) return false;
  bytes[0] = static_cast<unsigned char>((bytes[0] & 0x3f) | 0x40);
  const BigNumber number(BN_bin2bn(bytes, sizeof(bytes), nullptr));
  return BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)) != nullptr;
}

bool SetLifetime(X509* certificate, const Lifetime& lifetime) {
  return ASN1_TIME_set(X509_getm_notBefore(certificate), absl::ToTimeT(lifetime.begin)) != nullptr &&
         ASN1_TIME_set(X509_getm_notAfter(certificate), absl::ToTimeT(lifetime.end)) != nullptr;
}

// `value` is OpenSSL's notation: never of anybody's making but ours.
bool AddExtension(X509* certificate, X509* issuer, int kind, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const ExtensionPtr extension(X509V3_EXT_conf_nid(nullptr, &context, kind, value));
  return extension != nullptr && X509_add_ext(certificate, extension.get(), -1) == 1;
}

bool AddName(GENERAL_NAMES* names, int type, const std::string& text) {
  GENERAL_NAME* name = GENERAL_NAME_new();
  if (name == nullptr) return false;
  ASN1_IA5STRING* value = ASN1_IA5STRING_new();
  GENERAL_NAME_set0_value(name, type, value);
  if (value != nullptr && ASN1_STRING_set(value, text.data(), static_cast<int>(text.size())) == 1 &&
      sk_GENERAL_NAME_push(names, name) > 0) {
    return true;
  }
  GENERAL_NAME_free(name);
  return false;
}

bool AddAlternativeNames(X509* certificate, const Leaf& leaf) {
  if (leaf.uris.empty() && leaf.dns_names.empty()) return true;
  const GeneralNamesPtr names(GENERAL_NAMES_new());
  if (names == nullptr) return false;
  for (const std::string& uri : leaf.uris) {
    if (!AddName(names.get(), GEN_URI, uri)) return false;
  }
  for (const std::string& dns_name : leaf.dns_names) {
    if (!AddName(names.get(), GEN_DNS, dns_name)) return false;
  }
  return X509_add1_ext_i2d(certificate, NID_subject_alt_name, names.get(), 0, X509V3_ADD_DEFAULT) == 1;
}

bool AddUse(X509* certificate, Use use) {
  const StackOfObjects uses(EXTENDED_KEY_USAGE_new());
  ASN1_OBJECT* object = OBJ_nid2obj(use == Use::kClient ? NID_client_auth : NID_server_auth);
  return uses != nullptr && sk_ASN1_OBJECT_push(uses.get(), object) > 0 &&
         X509_add1_ext_i2d(certificate, NID_ext_key_usage, uses.get(), 0, X509V3_ADD_DEFAULT) == 1;
}

// Without a NUL or what is not ASCII: who reads the name takes it for what is written there.
bool IsPlain(const std::string& name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) { return c > ' ' && c <= '~'; });
}

absl::Status CheckNames(const Leaf& leaf) {
  if (!IsPlain(leaf.common_name) || leaf.common_name.size() > kMaxCommonName) {
    return absl::InvalidArgumentError(absl::StrCat("the common name \"", leaf.common_name, "\" is not 1 to ",
                                                   kMaxCommonName,
                                                   " printable ASCII characters without spaces"));
  }
  for (const std::vector<std::string>* names : {&leaf.uris, &leaf.dns_names}) {
    for (const std::string& name : *names) {
      if (!IsPlain(name)) {
        return absl::InvalidArgumentError(
            absl::StrCat("the name \"", name, "\" is not printable ASCII without spaces"));
      }
    }
  }
  return absl::OkStatus();
}

bool SetCommonName(X509_NAME* name, const std::string& common_name) {
  return X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8,
                                    reinterpret_cast<const unsigned char*>(common_name.data()),
                                    static_cast<int>(common_name.size()), -1, 0) == 1;
}

CertPtr Begin(EVP_PKEY* key, const std::string& common_name, const Lifetime& lifetime) {
  CertPtr certificate(X509_new());
  if (certificate == nullptr || X509_set_version(certificate.get(), X509_VERSION_3) != 1 ||
      !SetSerial(certificate.get()) || !SetLifetime(certificate.get(), lifetime) ||
      !SetCommonName(X509_get_subject_name(certificate.get()), common_name) ||
      X509_set_pubkey(certificate.get(), key) != 1) {
    return nullptr;
  }
  return certificate;
}

}  // namespace

absl::StatusOr<Authority> MakeAuthority(const std::string& common_name, const Lifetime& lifetime) {
  ASSIGN_OR_RETURN(PrivateKey key, PrivateKey::Make());
  CertPtr certificate = Begin(key.get(), common_name, lifetime);
  X509* raw = certificate.get();
  if (raw == nullptr || X509_set_issuer_name(raw, X509_get_subject_name(raw)) != 1 ||
      !AddExtension(raw, raw, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") ||
      !AddExtension(raw, raw, NID_key_usage, "critical,keyCertSign,cRLSign") ||
      !AddExtension(raw, raw, NID_subject_key_identifier, "hash") ||
      X509_sign(raw, key.get(), EVP_sha256()) == 0) {
    return OpenSslError(absl::StrCat("make the CA ", common_name));
  }
  return Authority{Certificate(certificate.release()), std::move(key)};
}

absl::StatusOr<Certificate> Sign(const Authority& authority, const PublicKey& key, const Leaf& leaf,
                                 const Lifetime& lifetime) {
  RETURN_IF_ERROR(CheckNames(leaf));
  const Lifetime held{lifetime.begin, std::min(lifetime.end, authority.certificate.end())};
  if (held.begin >= held.end) {
    return absl::FailedPreconditionError(absl::StrCat("sign ", leaf.common_name, ": the CA has expired at ",
                                                      TimeText(authority.certificate.end())));
  }
  CertPtr certificate = Begin(key.get(), leaf.common_name, held);
  X509* raw = certificate.get();
  X509* issuer = authority.certificate.get();
  if (raw == nullptr || X509_set_issuer_name(raw, X509_get_subject_name(issuer)) != 1 ||
      !AddExtension(raw, issuer, NID_basic_constraints, "critical,CA:FALSE") ||
      !AddExtension(raw, issuer, NID_key_usage, "critical,digitalSignature") || !AddUse(raw, leaf.use) ||
      !AddExtension(raw, issuer, NID_subject_key_identifier, "hash") ||
      !AddExtension(raw, issuer, NID_authority_key_identifier, "keyid:always") ||
      !AddAlternativeNames(raw, leaf) || X509_sign(raw, authority.key.get(), EVP_sha256()) == 0) {
    return OpenSslError(absl::StrCat("sign ", leaf.common_name));
  }
  return Certificate(certificate.release());
}

}  // namespace fairlead::pki
