// A request for a certificate (CSR, PKCS#10, RFC 2986).
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "pki/key.h"

namespace fairlead::pki {

// In PEM, without any name: who signs decides on the names.
absl::StatusOr<std::string> MakeRequest(const PrivateKey& key);

// The key of a request whose sender has proved to hold it; all else that the request says is passed over.
// INVALID_ARGUMENT says what is wrong. `pem` comes from anybody: 16 KiB at most.
absl::StatusOr<PublicKey> ParseRequest(absl::string_view pem);

}  // namespace fairlead::pki
