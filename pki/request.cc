#include "pki/request.h"

#include <openssl/pem.h>

#include <utility>

#include "base/status_macros.h"
#include "pki/openssl.h"

namespace fairlead::pki {
namespace {

constexpr size_t kMaxRequestBytes = 16 << 10;

}  // namespace

absl::StatusOr<std::string> MakeRequest(const PrivateKey& key) {
  const RequestPtr request(X509_REQ_new());
  if (request == nullptr || X509_REQ_set_version(request.get(), X509_REQ_VERSION_1) != 1 ||
      X509_REQ_set_pubkey(request.get(), key.get()) != 1 ||
      X509_REQ_sign(request.get(), key.get(), EVP_sha256()) == 0) {
    return OpenSslError("make a certificate request");
  }
  const BioPtr bio(BIO_new(BIO_s_mem()));
  if (PEM_write_bio_X509_REQ(bio.get(), request.get()) != 1)
    return OpenSslError("write a certificate request");
  return TakeText(bio.get());
}

absl::StatusOr<PublicKey> ParseRequest(absl::string_view pem) {
  if (pem.size() > kMaxRequestBytes) return absl::InvalidArgumentError("longer than any certificate request");
  const RequestPtr request(
      PEM_read_bio_X509_REQ(OpenText(pem).get(), nullptr, nullptr, const_cast<char*>(kNoPassphrase)));
  if (request == nullptr) return BadInput("no certificate request in PEM");
  // Before its signature is looked at: checking one of another kind may cost any amount of time.
  ASSIGN_OR_RETURN(PublicKey key, PublicKey::Of(X509_REQ_get_pubkey(request.get())));
  if (X509_REQ_verify(request.get(), key.get()) != 1) return BadInput("its signature is not that of its key");
  return key;
}

}  // namespace fairlead::pki
