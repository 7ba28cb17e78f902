#include "pki/verify.h"

#include <openssl/err.h>
#include <openssl/x509_vfy.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "pki/openssl.h"

namespace fairlead::pki {
namespace {

using StackPtr =
    std::unique_ptr<STACK_OF(X509), decltype([](STACK_OF(X509) * stack) { sk_X509_free(stack); })>;

struct Verification {
  StorePtr store;
  StackPtr between;
  StoreContextPtr context;
};

// Ready for X509_verify_cert; without a context when there is no memory.
Verification Prepare(const std::vector<Certificate>& chain, const std::vector<Certificate>& authorities) {
  Verification all{StorePtr(X509_STORE_new()), StackPtr(sk_X509_new_null()), nullptr};
  if (all.store == nullptr || all.between == nullptr || chain.empty()) return all;
  for (const Certificate& authority : authorities) X509_STORE_add_cert(all.store.get(), authority.get());
  for (const Certificate& certificate : chain) sk_X509_push(all.between.get(), certificate.get());
  StoreContextPtr context(X509_STORE_CTX_new());
  if (context == nullptr ||
      X509_STORE_CTX_init(context.get(), all.store.get(), chain.front().get(), all.between.get()) != 1) {
    return all;
  }
  all.context = std::move(context);
  return all;
}

std::string Name(const Certificate& certificate) {
  const std::vector<std::string> names = certificate.common_names();
  return names.empty() ? "without a name" : absl::StrCat("\"", absl::StrJoin(names, "\", \""), "\"");
}

std::string Fault(X509_STORE_CTX* context, const Expected& expected) {
  const int error = X509_STORE_CTX_get_error(context);
  X509* at = X509_STORE_CTX_get_current_cert(context);
  std::string subject = "the certificate";
  std::string of;
  if (at != nullptr) {
    X509_up_ref(at);
    const Certificate certificate(at);
    subject = absl::StrCat("the certificate ", Name(certificate));
    if (error == X509_V_ERR_CERT_HAS_EXPIRED) of = absl::StrCat(" at ", TimeText(certificate.end()));
    if (error == X509_V_ERR_CERT_NOT_YET_VALID) of = absl::StrCat(" before ", TimeText(certificate.begin()));
    if (error == X509_V_ERR_HOSTNAME_MISMATCH) {
      of = absl::StrCat(": it is for \"", absl::StrJoin(certificate.dns_names(), "\", \""), "\", not for \"",
                        expected.dns_name, "\"");
    }
  }
  switch (error) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return absl::StrCat(subject, " has expired", of);
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return absl::StrCat(subject, " is not valid", of);
    case X509_V_ERR_HOSTNAME_MISMATCH:
      return absl::StrCat(subject, " has another name", of);
    case X509_V_ERR_INVALID_PURPOSE:
      return absl::StrCat(subject, " is not for the ", expected.use == Use::kClient ? "client" : "server",
                          "'s end of a connection");
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
      return absl::StrCat(subject, " is not signed by a CA that is trusted");
    default:
      return absl::StrCat(subject, ": ", X509_verify_cert_error_string(error));
  }
}

}  // namespace

absl::Status Verify(const std::vector<Certificate>& chain, const std::vector<Certificate>& authorities,
                    const Expected& expected, absl::Time now) {
  if (chain.empty()) return absl::FailedPreconditionError("there is no certificate");
  const Verification all = Prepare(chain, authorities);
  if (all.context == nullptr) return OpenSslError("verify a certificate");
  X509_VERIFY_PARAM* parameters = X509_STORE_CTX_get0_param(all.context.get());
  X509_VERIFY_PARAM_set_time(parameters, absl::ToTimeT(now));
  X509_VERIFY_PARAM_set_flags(parameters, X509_V_FLAG_PARTIAL_CHAIN);
  X509_STORE_CTX_set_purpose(
      all.context.get(), expected.use == Use::kClient ? X509_PURPOSE_SSL_CLIENT : X509_PURPOSE_SSL_SERVER);
  if (!expected.dns_name.empty()) {
    X509_VERIFY_PARAM_set1_host(parameters, expected.dns_name.data(), expected.dns_name.size());
  }
  const bool good = X509_verify_cert(all.context.get()) == 1;
  absl::Status status;
  if (!good) status = absl::FailedPreconditionError(Fault(all.context.get(), expected));
  ERR_clear_error();
  return status;
}

bool IsSignedBy(const std::vector<Certificate>& chain, const std::vector<Certificate>& authorities) {
  const Verification all = Prepare(chain, authorities);
  if (all.context == nullptr) return false;
  X509_VERIFY_PARAM_set_flags(X509_STORE_CTX_get0_param(all.context.get()),
                              X509_V_FLAG_NO_CHECK_TIME | X509_V_FLAG_PARTIAL_CHAIN);
  const bool is_signed = X509_verify_cert(all.context.get()) == 1;
  ERR_clear_error();
  return is_signed;
}

}  // namespace fairlead::pki
