// OpenSSL's objects with one owner each, and its errors as text. Only for the sources of this folder.
#pragma once

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace fairlead::pki {

template <auto Free>
struct Deleter {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};

using BioPtr = std::unique_ptr<BIO, Deleter<BIO_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY_free>>;
using CertPtr = std::unique_ptr<X509, Deleter<X509_free>>;
using RequestPtr = std::unique_ptr<X509_REQ, Deleter<X509_REQ_free>>;
using ExtensionPtr = std::unique_ptr<X509_EXTENSION, Deleter<X509_EXTENSION_free>>;
using GeneralNamesPtr = std::unique_ptr<GENERAL_NAMES, Deleter<GENERAL_NAMES_free>>;
using StorePtr = std::unique_ptr<X509_STORE, Deleter<X509_STORE_free>>;
using StoreContextPtr = std::unique_ptr<X509_STORE_CTX, Deleter<X509_STORE_CTX_free>>;

// For OpenSSL's PEM readers: an encrypted text must not ask at the terminal for its passphrase.
inline constexpr char kNoPassphrase[] = "";

BioPtr OpenText(absl::string_view text);
std::string TakeText(BIO* bio);

// INTERNAL "operation: what OpenSSL says", INVALID_ARGUMENT for what came in; both forget its errors.
absl::Status OpenSslError(absl::string_view operation);
absl::Status BadInput(absl::string_view what);

}  // namespace fairlead::pki
