#include "controller/identity/tls_source.h"

#include <utility>

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "base/read_file.h"
#include "base/status_macros.h"
#include "pki/certificate.h"
#include "pki/key.h"
#include "spdlog/spdlog.h"

namespace fairlead::controller {
namespace {

absl::StatusOr<std::string> ReadPem(const std::string& path, const char* flag) {
  absl::StatusOr<std::string> text = ReadFile(path);
  if (!text.ok()) return WrapError(text.status(), flag);
  return text;
}

absl::StatusOr<TlsTexts> ReadFiles(const TlsFiles& files) {
  TlsTexts texts;
  ASSIGN_OR_RETURN(texts.ca, ReadPem(files.ca, "--tls-ca"));
  ASSIGN_OR_RETURN(texts.cert, ReadPem(files.cert, "--tls-cert"));
  ASSIGN_OR_RETURN(texts.key, ReadPem(files.key, "--tls-key"));
  absl::Status ca = pki::ParseCertificates(texts.ca).status();
  if (!ca.ok()) return WrapError(ca, absl::StrCat("--tls-ca ", files.ca));
  auto chain = pki::ParseCertificates(texts.cert);
  if (!chain.ok()) return WrapError(chain.status(), absl::StrCat("--tls-cert ", files.cert));
  auto key = pki::PrivateKey::Parse(texts.key);
  if (!key.ok()) return WrapError(key.status(), absl::StrCat("--tls-key ", files.key));
  if (!chain->front().IsOfKey(*key)) {
    return absl::InvalidArgumentError(absl::StrCat("--tls-key ", files.key, ": is not the key of --tls-cert ",
                                                   files.cert, "; give the two that were made together"));
  }
  return texts;
}

}  // namespace

absl::StatusOr<std::shared_ptr<TlsFileSource>> TlsFileSource::Open(TlsFiles files) {
  ASSIGN_OR_RETURN(TlsTexts texts, ReadFiles(files));
  auto source = std::shared_ptr<TlsFileSource>(new TlsFileSource(std::move(files)));
  source->good_ = std::make_shared<const TlsTexts>(std::move(texts));
  return source;
}

absl::StatusOr<std::shared_ptr<const TlsTexts>> TlsFileSource::Current() {
  absl::StatusOr<TlsTexts> texts = ReadFiles(files_);
  std::lock_guard<std::mutex> lock(mutex_);
  const std::string problem(texts.status().message());
  if (!texts.ok() && problem != said_) spdlog::warn("{}; the one from before stays in force", problem);
  said_ = problem;
  if (texts.ok() && *texts != *good_) good_ = std::make_shared<const TlsTexts>(*std::move(texts));
  return good_;
}

void HeldTls::Hold(TlsTexts texts) {
  auto held = std::make_shared<const TlsTexts>(std::move(texts));
  std::lock_guard<std::mutex> lock(mutex_);
  held_ = std::move(held);
}

absl::StatusOr<std::shared_ptr<const TlsTexts>> HeldTls::Current() {
  std::lock_guard<std::mutex> lock(mutex_);
  if (held_ == nullptr) return absl::UnavailableError("there is no certificate yet");
  return held_;
}

}  // namespace fairlead::controller
