// Keys of ECDSA over P-256, the only kind that is made or taken here. Values: copies share the key, which
// never changes.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

struct evp_pkey_st;

namespace fairlead::pki {

class PublicKey {
 public:
  // Takes the reference over. INVALID_ARGUMENT for a key of another kind.
  static absl::StatusOr<PublicKey> Of(evp_pkey_st* key);

  evp_pkey_st* get() const { return key_.get(); }

 private:
  explicit PublicKey(std::shared_ptr<evp_pkey_st> key) : key_(std::move(key)) {}
  std::shared_ptr<evp_pkey_st> key_;
};

class PrivateKey {
 public:
  static absl::StatusOr<PrivateKey> Make();
  // Any kind of key that is not encrypted: one that somebody else made is told apart by what fails.
  static absl::StatusOr<PrivateKey> Parse(absl::string_view pem);

  std::string ToPem() const;
  // INVALID_ARGUMENT for a key of another kind than is made here.
  absl::StatusOr<PublicKey> Public() const;
  evp_pkey_st* get() const { return key_.get(); }

 private:
  explicit PrivateKey(std::shared_ptr<evp_pkey_st> key) : key_(std::move(key)) {}
  std::shared_ptr<evp_pkey_st> key_;
};

}  // namespace fairlead::pki
