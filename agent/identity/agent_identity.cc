#include "agent/identity/agent_identity.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "agent/files.h"
#include "api/identity_names.h"
#include "base/read_file.h"
#include "base/status_macros.h"
#include "kube/json.h"
#include "pki/request.h"
#include "pki/verify.h"
#include "spdlog/spdlog.h"

namespace fairlead::agent {

AgentIdentity::AgentIdentity(Options options, EventLoop* loop, const Clock* clock, kube::ApiCall call,
                             SignClient* signer, Listener listener)
    : options_(std::move(options)),
      loop_(loop),
      clock_(clock),
      call_(std::move(call)),
      signer_(signer),
      listener_(std::move(listener)),
      backoff_(options_.first_delay_ns, options_.max_delay_ns, std::random_device()()) {}

AgentIdentity::~AgentIdentity() {
  loop_->Cancel(timer_);
}

void AgentIdentity::Start() {
  Load();
  Refresh();
}

void AgentIdentity::Load() {
  const absl::StatusOr<std::string> text = ReadFile(options_.file);
  if (absl::IsNotFound(text.status())) return;
  absl::StatusOr<NodeIdentity> identity = text.ok() ? Decode(*text) : text.status();
  const absl::Status good = identity.ok() ? Check(*identity, options_.node, Now()) : identity.status();
  if (!good.ok()) {
    spdlog::warn("{}: {}; asking for a new certificate", options_.file, std::string(good.message()));
    // The CAs may still be the right ones, when there is no API server to ask for them.
    if (identity.ok()) trusted_ = identity->trusted;
    return;
  }
  Hold(*std::move(identity));
  problem_ = absl::OkStatus();
  listener_.note(absl::OkStatus());
}

void AgentIdentity::SetControllers(std::vector<std::string> controllers) {
  const bool were_none = controllers_.empty();
  controllers_ = std::move(controllers);
  place_ = 0;
  if (were_none && IsDue() && !busy_) RefreshIn(std::chrono::nanoseconds(0));
}

void AgentIdentity::RefreshIn(std::chrono::nanoseconds delay) {
  loop_->Cancel(timer_);
  timer_ = loop_->After(delay, [this] { Refresh(); });
}

void AgentIdentity::Refresh() {
  timer_ = 0;
  busy_ = true;
  refreshed_ns_ = clock_->MonotonicNs();
  call_({.path = absl::StrCat("/api/v1/namespaces/", kube::UrlEscaped(options_.namespace_name),
                              "/configmaps/", kCaObject)},
        [this, alive = std::weak_ptr<bool>(alive_)](const absl::StatusOr<nlohmann::json>& map) {
          if (!alive.expired()) OnConfigMap(map);
        });
}

void AgentIdentity::OnConfigMap(const absl::StatusOr<nlohmann::json>& map) {
  const absl::Status read = map.ok() ? TakeTrusted(*map) : map.status();
  const absl::Status explained =
      WrapError(read, absl::StrCat("read the CA in ConfigMap ", options_.namespace_name, "/", kCaObject));
  // With an API server that is away: the CAs from before.
  if (!read.ok() && trusted_.empty()) return Fail(explained);
  if (!IsDue()) return read.ok() ? Succeed() : Fail(explained);
  if (controllers_.empty()) return Fail(absl::UnavailableError("no controller is known yet"));
  const absl::StatusOr<std::string> token = ReadFile(options_.token_file);
  if (!token.ok()) {
    return Fail(WrapError(token.status(),
                          absl::StrCat("read this agent's token (a projected service account token for the "
                                       "audience ",
                                       kControllerName, " must be mounted there)")));
  }
  Ask(std::string(absl::StripAsciiWhitespace(*token)), 0);
}

absl::Status AgentIdentity::TakeTrusted(const nlohmann::json& map) {
  ASSIGN_OR_RETURN(std::vector<pki::Certificate> trusted,
                   pki::ParseCertificates(kube::TextField(map, {"data", kCaKey})));
  trusted_ = std::move(trusted);
  if (!held_ || pki::ToPem(held_->trusted) == pki::ToPem(trusted_)) return absl::OkStatus();
  NodeIdentity identity = *held_;
  identity.trusted = trusted_;
  Hold(std::move(identity));
  return absl::OkStatus();
}

bool AgentIdentity::IsDue() const {
  return !held_ || Now() >= renewal_ || !pki::IsSignedBy({held_->certificate}, held_->trusted);
}

void AgentIdentity::Ask(const std::string& token, size_t attempt) {
  const absl::StatusOr<pki::PrivateKey> key = pki::PrivateKey::Make();
  const absl::StatusOr<std::string> csr = key.ok() ? pki::MakeRequest(*key) : key.status();
  if (!csr.ok()) return Fail(csr.status());
  const size_t place = (place_ + attempt) % controllers_.size();
  const SignQuestion question{controllers_[place], pki::ToPem(trusted_), *csr, token};
  signer_->Sign(question, [this, alive = std::weak_ptr<bool>(alive_), key = *key, token, attempt,
                           controller = question.controller](const absl::StatusOr<SignAnswer>& answer) {
    if (alive.expired()) return;
    const absl::Status status =
        answer.ok() ? WrapError(TakeAnswer(*answer, key), absl::StrCat("the certificate that the "
                                                                       "controller at ",
                                                                       controller, " signed"))
                    : answer.status();
    if (status.ok()) {
      Succeed();
    } else if (attempt + 1 < controllers_.size()) {
      spdlog::debug("{}", std::string(status.message()));
      Ask(token, attempt + 1);
    } else {
      Fail(status);
    }
  });
}

absl::Status AgentIdentity::TakeAnswer(const SignAnswer& answer, const pki::PrivateKey& key) {
  ASSIGN_OR_RETURN(std::vector<pki::Certificate> certificates,
                   pki::ParseCertificates(answer.certificate_pem));
  ASSIGN_OR_RETURN(std::vector<pki::Certificate> trusted, pki::ParseCertificates(answer.trusted_pem));
  NodeIdentity identity{key, certificates.front(), std::move(trusted)};
  if (!identity.certificate.IsOfKey(key)) return absl::InternalError("it is not of the key in the request");
  RETURN_IF_ERROR(Check(identity, options_.node, Now()));
  trusted_ = identity.trusted;
  spdlog::info("controllers know this node by a new certificate, until {}",
               pki::TimeText(identity.certificate.end()));
  Hold(std::move(identity));
  listener_.on_renewed();
  return absl::OkStatus();
}

void AgentIdentity::Hold(NodeIdentity identity) {
  held_ = std::move(identity);
  renewal_ = pki::RenewalTime(held_->certificate, std::uniform_real_distribution<>(0, 1)(random_));
  trusted_ = held_->trusted;
  const absl::Status kept = ReplaceOwnFile(options_.file, Encode(*held_), Durability::kMedium);
  if (!kept.ok()) {
    spdlog::warn("{}; the next start has to ask for a certificate again", std::string(kept.message()));
  }
}

void AgentIdentity::Succeed() {
  busy_ = false;
  backoff_.Reset();
  if (!problem_.ok()) listener_.note(absl::OkStatus());
  problem_ = absl::OkStatus();
  std::chrono::nanoseconds delay = options_.refresh_interval;
  delay = std::min(delay, std::chrono::nanoseconds(absl::ToInt64Nanoseconds(renewal_ - Now())));
  RefreshIn(std::max(delay, std::chrono::nanoseconds(options_.first_delay_ns)));
}

void AgentIdentity::Fail(const absl::Status& status) {
  busy_ = false;
  const bool is_new = status != std::exchange(problem_, status);
  // What is held is as good as before.
  if (held_ && Now() < held_->certificate.end()) {
    if (is_new) {
      spdlog::warn("{}; the present certificate is good until {}", std::string(status.message()),
                   pki::TimeText(held_->certificate.end()));
    }
  } else {
    listener_.note(status);
  }
  RefreshIn(std::chrono::nanoseconds(backoff_.NextNs()));
}

absl::StatusOr<TlsTexts> AgentIdentity::Texts() {
  if (!held_) return WrapError(problem_, "there is no certificate for this node yet");
  if (held_->certificate.end() <= Now()) {
    const absl::Status why =
        problem_.ok() ? absl::UnavailableError("a new one has not been asked for yet") : problem_;
    return WrapError(why, absl::StrCat("this node's certificate has expired at ",
                                       pki::TimeText(held_->certificate.end())));
  }
  return held_->Texts();
}

std::string AgentIdentity::Advice(const absl::Status& failure) {
  if (!absl::IsUnavailable(failure) && !absl::IsPermissionDenied(failure) &&
      !absl::IsUnauthenticated(failure)) {
    return "";
  }
  // Perhaps the CA is another by now: look soon, but not after each of many failures.
  const std::chrono::nanoseconds passed(clock_->MonotonicNs() - refreshed_ns_);
  if (!busy_ && problem_.ok())
    RefreshIn(std::max(options_.refresh_pause - passed, std::chrono::nanoseconds(0)));
  const std::string message = absl::AsciiStrToLower(failure.message());
  if (absl::StrContains(message, "handshake failed")) {
    return absl::StrCat("; the controller's certificate is not accepted: no CA of ConfigMap ",
                        options_.namespace_name, "/", kCaObject,
                        " has signed it, or this node's clock is wrong; the ConfigMap is read again");
  }
  if (absl::IsPermissionDenied(failure)) {
    return absl::StrCat("; controllers know this node by ", options_.file,
                        ": delete it and restart the agent, if it is another node's");
  }
  return "";
}

std::optional<absl::Time> AgentIdentity::end() const {
  if (!held_) return std::nullopt;
  return held_->certificate.end();
}

}  // namespace fairlead::agent
