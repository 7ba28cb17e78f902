#include "agent/tls_files.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <ctime>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/read_file.h"
#include "base/status_macros.h"

namespace fairlead::agent {
namespace {

// controller/server/identity.h: what a node's certificate is called.
constexpr char kNodePrefix[] = "system:fairlead:node:";

template <auto Free>
struct Deleter {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};
using Bio = std::unique_ptr<BIO, Deleter<BIO_free>>;
using Cert = std::unique_ptr<X509, Deleter<X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY_free>>;
using Store = std::unique_ptr<X509_STORE, Deleter<X509_STORE_free>>;
using StoreContext = std::unique_ptr<X509_STORE_CTX, Deleter<X509_STORE_CTX_free>>;
using Names = std::unique_ptr<GENERAL_NAMES, Deleter<GENERAL_NAMES_free>>;

absl::StatusOr<std::string> ReadPem(const std::string& path, const char* option) {
  absl::StatusOr<std::string> text = ReadFile(path);
  if (!text.ok()) return WrapError(text.status(), option);
  if (absl::StrContains(*text, "-----BEGIN ")) return text;
  return absl::FailedPreconditionError(
      absl::StrCat(option, " ", path, ": there is no PEM text in it; write it anew"));
}

Bio OpenText(const std::string& text) {
  return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

std::vector<Cert> ParseCertificates(const std::string& pem) {
  const Bio bio = OpenText(pem);
  std::vector<Cert> certs;
  while (Cert cert{PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)}) certs.push_back(std::move(cert));
  ERR_clear_error();
  return certs;
}

std::string Text(const ASN1_STRING* value) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(value)),
          static_cast<size_t>(ASN1_STRING_length(value))};
}

// The common name, and the URIs among the subject alternative names.
std::vector<std::string> NamesOf(X509* cert) {
  std::vector<std::string> found;
  X509_NAME* subject = X509_get_subject_name(cert);
  for (int at = -1; (at = X509_NAME_get_index_by_NID(subject, NID_commonName, at)) >= 0;) {
    found.push_back(Text(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at))));
  }
  const Names names(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(cert, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type == GEN_URI) found.push_back(Text(name->d.uniformResourceIdentifier));
  }
  return found;
}

absl::Time TimeOf(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return absl::InfiniteFuture();
  return absl::FromTM(parts, absl::UTCTimeZone());
}

std::string Words(absl::Time time) {
  return absl::FormatTime("%Y-%m-%d %H:%M:%S UTC", time, absl::UTCTimeZone());
}

bool IsKeyOf(X509* cert, const std::string& key_pem) {
  // An encrypted key must not ask at the terminal for its passphrase.
  char no_passphrase[] = "";
  const Key key(PEM_read_bio_PrivateKey(OpenText(key_pem).get(), nullptr, nullptr, no_passphrase));
  const bool fits = key != nullptr && X509_check_private_key(cert, key.get()) == 1;
  ERR_clear_error();
  return fits;
}

// Whenever it was valid.
bool IsSignedBy(const std::vector<Cert>& chain, const std::vector<Cert>& authorities) {
  const Store store(X509_STORE_new());
  for (const Cert& authority : authorities) X509_STORE_add_cert(store.get(), authority.get());
  X509_STORE_set_flags(store.get(), X509_V_FLAG_NO_CHECK_TIME | X509_V_FLAG_PARTIAL_CHAIN);
  STACK_OF(X509)* between = sk_X509_new_null();
  for (const Cert& cert : chain) sk_X509_push(between, cert.get());
  const StoreContext context(X509_STORE_CTX_new());
  X509_STORE_CTX_init(context.get(), store.get(), chain.front().get(), between);
  const bool is_signed = X509_verify_cert(context.get()) == 1;
  sk_X509_free(between);
  ERR_clear_error();
  return is_signed;
}

// What a controller would hold against this node's certificate.
std::vector<std::string> FaultsOf(const TlsFiles& files, const TlsTexts& texts, const std::string& node,
                                  absl::Time now) {
  const std::string subject = absl::StrCat("--tls-cert ", files.cert);
  const std::vector<Cert> chain = ParseCertificates(texts.cert);
  if (chain.empty())
    return {absl::StrCat(subject, " holds no certificate that can be read: issue a new one")};
  X509* cert = chain.front().get();
  std::vector<std::string> faults;
  if (const absl::Time end = TimeOf(X509_get0_notAfter(cert)); end <= now) {
    faults.push_back(
        absl::StrCat(subject, " has expired at ", Words(end), ": issue a new one, it needs no restart"));
  }
  if (const absl::Time begin = TimeOf(X509_get0_notBefore(cert)); begin > now) {
    faults.push_back(absl::StrCat(subject, " begins at ", Words(begin),
                                  " only: set this node's clock right, or issue a new one"));
  }
  if (!IsKeyOf(cert, texts.key)) {
    faults.push_back(absl::StrCat("--tls-key ", files.key, " is not the key of ", subject,
                                  ": give the two that were made together"));
  }
  const std::vector<std::string> names = NamesOf(cert);
  const std::string wanted = kNodePrefix + node;
  if (std::find(names.begin(), names.end(), wanted) == names.end()) {
    faults.push_back(absl::StrCat(subject, " is that of \"", absl::StrJoin(names, "\", \""),
                                  "\": issue one with the common name ", wanted));
  }
  if (!IsSignedBy(chain, ParseCertificates(texts.ca))) {
    faults.push_back(absl::StrCat(subject, " is not signed by a CA in --tls-ca ", files.ca,
                                  ": give the certificate and the CA that the controller's operator issued"));
  }
  return faults;
}

// A controller that refuses a certificate says nothing: it closes the connection behind the handshake.
bool HungUpAtOnce(const std::string& message) {
  if (!absl::StrContains(message, "failed to connect")) return false;
  return absl::StrContains(message, "socket closed") || absl::StrContains(message, "reset by peer") ||
         absl::StrContains(message, "broken pipe");
}

}  // namespace

absl::StatusOr<TlsTexts> ReadTlsFiles(const TlsFiles& files) {
  TlsTexts texts;
  ASSIGN_OR_RETURN(texts.ca, ReadPem(files.ca, "--tls-ca"));
  ASSIGN_OR_RETURN(texts.cert, ReadPem(files.cert, "--tls-cert"));
  ASSIGN_OR_RETURN(texts.key, ReadPem(files.key, "--tls-key"));
  return texts;
}

std::string TlsAdvice(const TlsFiles& files, const std::string& node, const absl::Status& failure,
                      absl::Time now) {
  if (!absl::IsUnavailable(failure) && !absl::IsPermissionDenied(failure)) return "";
  const absl::StatusOr<TlsTexts> texts = ReadTlsFiles(files);
  if (!texts.ok()) return "";  // the next attempt says so
  std::vector<std::string> faults = FaultsOf(files, *texts, node, now);
  const std::string message = absl::AsciiStrToLower(failure.message());
  // In TLS 1.3 our side of the handshake fails only for the other side's certificate.
  if (absl::StrContains(message, "handshake failed")) {
    faults.push_back(
        absl::StrCat("the controller's certificate is not accepted: it has expired, or is not for this host, "
                     "or no CA in --tls-ca ",
                     files.ca, " has signed it; give the CA that has, or issue it anew"));
  }
  if (faults.empty() && HungUpAtOnce(message)) {
    faults.push_back(absl::StrCat(
        "the controller hangs up: its --tls-ca must hold the CA that signed --tls-cert ", files.cert));
  }
  return faults.empty() ? "" : absl::StrCat("; ", absl::StrJoin(faults, "; "));
}

}  // namespace fairlead::agent
