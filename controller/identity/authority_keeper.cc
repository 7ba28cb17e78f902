#include "controller/identity/authority_keeper.h"

#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "api/identity_names.h"
#include "base/status_macros.h"
#include "kube/json.h"

namespace fairlead::controller {

struct AuthorityKeeper::Kind {
  const char* name;
  const char* resource;
};
constexpr AuthorityKeeper::Kind AuthorityKeeper::kSecret{"Secret", "secrets"};
constexpr AuthorityKeeper::Kind AuthorityKeeper::kConfigMap{"ConfigMap", "configmaps"};

namespace {

absl::StatusOr<SecretData> DecodeData(const nlohmann::json& secret) {
  SecretData data;
  const nlohmann::json* fields = kube::FindField(secret, {"data"});
  if (fields == nullptr || !fields->is_object()) return data;
  for (const auto& [key, value] : fields->items()) {
    std::string& text = data[key];
    if (!value.is_string() || !absl::Base64Unescape(value.get<std::string>(), &text)) {
      return absl::InvalidArgumentError(absl::StrCat(key, ": is no base64"));
    }
  }
  return data;
}

nlohmann::json EncodeData(const SecretData& data) {
  nlohmann::json fields = nlohmann::json::object();
  for (const auto& [key, text] : data) fields[key] = absl::Base64Escape(text);
  return fields;
}

nlohmann::json NewObject(const char* kind, const std::string& namespace_name, nlohmann::json data) {
  return {
      {"apiVersion", "v1"},
      {"kind", kind},
      {"metadata",
       {{"name", kCaObject},
        {"namespace", namespace_name},
        {"labels", {{"app.kubernetes.io/name", "fairlead"}, {"app.kubernetes.io/component", "identity"}}}}},
      {"data", std::move(data)}};
}

// What makes the fields of an object's data `wanted`, if nobody has written the object since it was read.
nlohmann::json Patch(const nlohmann::json& object, nlohmann::json wanted) {
  if (const nlohmann::json* held = kube::FindField(object, {"data"}); held != nullptr && held->is_object()) {
    for (const auto& [key, value] : held->items()) {
      if (!wanted.contains(key)) wanted[key] = nullptr;
    }
  }
  return {{"metadata", {{"resourceVersion", kube::TextField(object, {"metadata", "resourceVersion"})}}},
          {"data", std::move(wanted)}};
}

}  // namespace

AuthorityKeeper::AuthorityKeeper(kube::ApiCall call, std::string namespace_name, const Clock* clock)
    : call_(std::move(call)), namespace_(std::move(namespace_name)), clock_(clock) {}

bool AuthorityKeeper::Round(Done done) {
  if (done_) return false;
  done_ = std::move(done);
  attempts_ = 0;
  Begin();
  return true;
}

void AuthorityKeeper::Begin() {
  if (++attempts_ > kMaxAttempts) {
    End(absl::AbortedError(absl::StrCat("write ", Name(kSecret), " or ", Name(kConfigMap),
                                        ": somebody else writes them all the time")));
    return;
  }
  // Before the Secret: who wrote a newer Secret than this round reads has published it after this, so that
  // the older one is refused.
  call_({.path = PathOf(kConfigMap) + "/" + kCaObject}, [this](absl::StatusOr<nlohmann::json> map) {
    if (!map.ok() && !absl::IsNotFound(map.status())) {
      End(WrapError(map.status(), absl::StrCat("read ", Name(kConfigMap))));
      return;
    }
    config_map_ = map.ok() ? *std::move(map) : nlohmann::json();
    call_({.path = PathOf(kSecret) + "/" + kCaObject},
          [this](absl::StatusOr<nlohmann::json> secret) { OnSecret(std::move(secret)); });
  });
}

void AuthorityKeeper::OnSecret(absl::StatusOr<nlohmann::json> secret) {
  if (!secret.ok() && !absl::IsNotFound(secret.status())) {
    End(WrapError(secret.status(), absl::StrCat("read ", Name(kSecret))));
    return;
  }
  const nlohmann::json object = secret.ok() ? *std::move(secret) : nlohmann::json();
  absl::StatusOr<SecretData> data = DecodeData(object);
  if (data.ok() && data->empty()) {
    absl::StatusOr<Authorities> made = MakeAuthorities(Now());
    made.ok() ? WriteSecret(object, *made) : End(made.status());
    return;
  }
  absl::StatusOr<Authorities> held = data.ok() ? Decode(*data) : data.status();
  if (!held.ok()) {
    End(absl::FailedPreconditionError(absl::StrCat(
        Name(kSecret), ": ", held.status().message(),
        "; mend it, or delete it: then a new CA is made, and every agent gets a new certificate")));
    return;
  }
  absl::StatusOr<std::optional<Authorities>> next = Rotate(*held, Now());
  authorities_ = *std::move(held);
  if (!next.ok()) {
    End(next.status());
  } else if (*next) {
    WriteSecret(object, **next);
  } else {
    Publish();
  }
}

void AuthorityKeeper::WriteSecret(const nlohmann::json& before, const Authorities& wanted) {
  Write(kSecret, before, EncodeData(Encode(wanted)), [this, wanted] {
    authorities_ = wanted;
    Publish();
  });
}

void AuthorityKeeper::Publish() {
  const std::string text = pki::ToPem(authorities_->Trusted());
  if (kube::TextField(config_map_, {"data", kCaKey}) == text) {
    End(absl::OkStatus());
    return;
  }
  Write(kConfigMap, config_map_, {{kCaKey, text}}, [this] { End(absl::OkStatus()); });
}

void AuthorityKeeper::Write(const Kind& kind, const nlohmann::json& before, nlohmann::json data,
                            std::function<void()> go_on) {
  const bool is_patch = !before.is_null();
  kube::ApiRequest request{.method = "POST", .path = PathOf(kind)};
  if (is_patch) {
    request.method = "PATCH";
    request.path += absl::StrCat("/", kCaObject);
    request.body = Patch(before, std::move(data));
    request.content_type = kube::kMergePatch;
  } else {
    request.body = NewObject(kind.name, namespace_, std::move(data));
  }
  auto done = [this, &kind, is_patch, go_on = std::move(go_on)](const absl::StatusOr<nlohmann::json>& reply) {
    const absl::Status& status = reply.status();
    if (status.ok()) {
      go_on();
    } else if (absl::IsAlreadyExists(status) || absl::IsAborted(status) ||
               (is_patch && absl::IsNotFound(status))) {
      Begin();
    } else {
      End(WrapError(status, absl::StrCat("write ", Name(kind))));
    }
  };
  call_(std::move(request), std::move(done));
}

void AuthorityKeeper::End(const absl::Status& status) {
  std::exchange(done_, nullptr)(status);
}

absl::Time AuthorityKeeper::Now() const {
  return absl::FromUnixNanos(clock_->WallNs());
}

std::string AuthorityKeeper::PathOf(const Kind& kind) const {
  return absl::StrCat("/api/v1/namespaces/", kube::UrlEscaped(namespace_), "/", kind.resource);
}

std::string AuthorityKeeper::Name(const Kind& kind) const {
  return absl::StrCat(kind.name, " ", namespace_, "/", kCaObject);
}

}  // namespace fairlead::controller
