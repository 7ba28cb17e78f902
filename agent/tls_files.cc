#include "agent/tls_files.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "api/identity_names.h"
#include "base/read_file.h"
#include "base/status_macros.h"
#include "pki/certificate.h"
#include "pki/key.h"
#include "pki/verify.h"

namespace fairlead::agent {
namespace {

absl::StatusOr<std::string> ReadPem(const std::string& path, const char* option) {
  absl::StatusOr<std::string> text = ReadFile(path);
  if (!text.ok()) return WrapError(text.status(), option);
  if (absl::StrContains(*text, "-----BEGIN ")) return text;
  return absl::FailedPreconditionError(
      absl::StrCat(option, " ", path, ": there is no PEM text in it; write it anew"));
}

// The common name, and the URIs among the subject alternative names.
std::vector<std::string> NamesOf(const pki::Certificate& certificate) {
  std::vector<std::string> names = certificate.common_names();
  for (std::string& uri : certificate.uris()) names.push_back(std::move(uri));
  return names;
}

std::vector<pki::Certificate> Parse(const std::string& pem) {
  return pki::ParseCertificates(pem).value_or(std::vector<pki::Certificate>());
}

bool IsKeyOf(const pki::Certificate& certificate, const std::string& key_pem) {
  const absl::StatusOr<pki::PrivateKey> key = pki::PrivateKey::Parse(key_pem);
  return key.ok() && certificate.IsOfKey(*key);
}

// What a controller would hold against this node's certificate.
std::vector<std::string> FaultsOf(const TlsFiles& files, const TlsTexts& texts, const std::string& node,
                                  absl::Time now) {
  const std::string subject = absl::StrCat("--tls-cert ", files.cert);
  const std::vector<pki::Certificate> chain = Parse(texts.cert);
  if (chain.empty())
    return {absl::StrCat(subject, " holds no certificate that can be read: issue a new one")};
  const pki::Certificate& cert = chain.front();
  std::vector<std::string> faults;
  if (cert.end() <= now) {
    faults.push_back(absl::StrCat(subject, " has expired at ", pki::TimeText(cert.end()),
                                  ": issue a new one, it needs no restart"));
  }
  if (cert.begin() > now) {
    faults.push_back(absl::StrCat(subject, " begins at ", pki::TimeText(cert.begin()),
                                  " only: set this node's clock right, or issue a new one"));
  }
  if (!IsKeyOf(cert, texts.key)) {
    faults.push_back(absl::StrCat("--tls-key ", files.key, " is not the key of ", subject,
                                  ": give the two that were made together"));
  }
  const std::vector<std::string> names = NamesOf(cert);
  const std::string wanted = kNodeNamePrefix + node;
  if (std::find(names.begin(), names.end(), wanted) == names.end()) {
    faults.push_back(absl::StrCat(subject, " is that of \"", absl::StrJoin(names, "\", \""),
                                  "\": issue one with the common name ", wanted));
  }
  if (!pki::IsSignedBy(chain, Parse(texts.ca))) {
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
