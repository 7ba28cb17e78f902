#include "pki/openssl.h"

#include <openssl/err.h>

#include "absl/strings/str_cat.h"

namespace fairlead::pki {
namespace {

std::string TakeErrors() {
  const char* reason = ERR_reason_error_string(ERR_peek_last_error());
  std::string text = reason == nullptr ? "no reason given" : reason;
  ERR_clear_error();
  return text;
}

}  // namespace

BioPtr OpenText(absl::string_view text) {
  return BioPtr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

std::string TakeText(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return size > 0 ? std::string(data, static_cast<size_t>(size)) : std::string();
}

absl::Status OpenSslError(absl::string_view operation) {
  return absl::InternalError(absl::StrCat(operation, ": ", TakeErrors()));
}

absl::Status BadInput(absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(what, ": ", TakeErrors()));
}

}  // namespace fairlead::pki
