#include "pki/key.h"

#include <openssl/pem.h>

#include <cstring>
#include <utility>

#include "pki/openssl.h"

namespace fairlead::pki {
namespace {

constexpr size_t kMaxKeyBytes = 16 << 10;
constexpr char kCurve[] = "prime256v1";  // OpenSSL's name of P-256

}  // namespace

absl::StatusOr<PublicKey> PublicKey::Of(evp_pkey_st* key) {
  KeyPtr owned(key);
  char curve[32] = "";
  size_t length = 0;
  if (owned == nullptr || EVP_PKEY_get_base_id(key) != EVP_PKEY_EC ||
      EVP_PKEY_get_group_name(key, curve, sizeof(curve), &length) != 1 || std::strcmp(curve, kCurve) != 0) {
    return BadInput("the key is not one of ECDSA over P-256");
  }
  return PublicKey(std::shared_ptr<EVP_PKEY>(std::move(owned)));
}

absl::StatusOr<PrivateKey> PrivateKey::Make() {
  KeyPtr key(EVP_EC_gen(kCurve));
  if (key == nullptr) return OpenSslError("make a key");
  return PrivateKey(std::shared_ptr<EVP_PKEY>(std::move(key)));
}

absl::StatusOr<PrivateKey> PrivateKey::Parse(absl::string_view pem) {
  if (pem.size() > kMaxKeyBytes) return absl::InvalidArgumentError("longer than any private key");
  KeyPtr key(
      PEM_read_bio_PrivateKey(OpenText(pem).get(), nullptr, nullptr, const_cast<char*>(kNoPassphrase)));
  if (key == nullptr) return BadInput("holds no private key in PEM that is not encrypted");
  return PrivateKey(std::shared_ptr<EVP_PKEY>(std::move(key)));
}

absl::StatusOr<PublicKey> PrivateKey::Public() const {
  EVP_PKEY_up_ref(key_.get());
  return PublicKey::Of(key_.get());
}

std::string PrivateKey::ToPem() const {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_PrivateKey(bio.get(), key_.get(), nullptr, nullptr, 0, nullptr, nullptr);
  return TakeText(bio.get());
}

}  // namespace fairlead::pki
