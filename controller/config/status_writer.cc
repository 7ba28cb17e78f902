#include "controller/config/status_writer.h"

#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "controller/config/status.h"
#include "controller/manifest/objects.h"
#include "kube/json.h"
#include "spdlog/spdlog.h"

namespace fairlead::controller {
namespace {

constexpr int64_t kForever = std::numeric_limits<int64_t>::max();

std::string ConfigPath() {
  return absl::StrCat("/apis/fairlead.io/v1alpha1/fairleadconfigs/", kConfigName);
}

}  // namespace

void ConfigStatusWriter::Say(const nlohmann::json& wanted, uint64_t seen) {
  if (busy_) return;
  const bool nothing_new = wanted == wanted_ && seen == seen_;
  if (nothing_new && clock_->MonotonicNs() < rests_until_ns_) return;
  wanted_ = wanted;
  seen_ = seen;
  if (wanted.is_null()) return Rest(kForever);
  busy_ = true;
  call_({.path = ConfigPath()}, [this](const absl::StatusOr<nlohmann::json>& object) {
    busy_ = false;
    if (object.ok()) return OnObject(*object);
    absl::IsNotFound(object.status()) ? Rest(kForever) : OnFailure(object.status());
  });
}

void ConfigStatusWriter::OnObject(const nlohmann::json& object) {
  const std::string version = kube::TextField(object, {"metadata", "resourceVersion"});
  uint64_t number = 0;
  // A version that was not seen yet is none that anything can be said of.
  if (!absl::SimpleAtoi(version, &number) || number > seen_) return Rest(clock_->MonotonicNs());
  const std::string now =
      absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", absl::FromUnixNanos(clock_->WallNs()), absl::UTCTimeZone());
  nlohmann::json patch = ConfigStatusPatch(object, wanted_, now);
  if (patch.is_null()) return Rest(kForever);
  const nlohmann::json* found = kube::FindField(object, {"metadata", "generation"});
  const nlohmann::json generation = found != nullptr ? *found : nlohmann::json();
  const bool said_before = wanted_ == written_ && generation == written_generation_;
  if (said_before && clock_->MonotonicNs() < written_ns_ + kAgainNs) return Rest(written_ns_ + kAgainNs);
  patch["metadata"] = {{"resourceVersion", version}};
  busy_ = true;
  call_({.method = "PATCH",
         .path = absl::StrCat(ConfigPath(), "/status"),
         .body = std::move(patch),
         .content_type = kube::kMergePatch},
        [this, generation](const absl::StatusOr<nlohmann::json>& done) {
          busy_ = false;
          OnWritten(done.status(), generation);
        });
}

void ConfigStatusWriter::OnWritten(const absl::Status& status, const nlohmann::json& generation) {
  // Somebody else was first: look again.
  if (absl::IsAborted(status) || absl::IsNotFound(status)) return Rest(clock_->MonotonicNs());
  if (!status.ok()) return OnFailure(status);
  last_failure_.clear();
  written_ = wanted_;
  written_generation_ = generation;
  written_ns_ = clock_->MonotonicNs();
  Rest(kForever);
}

void ConfigStatusWriter::Rest(int64_t until_ns) {
  rests_until_ns_ = until_ns;
}

void ConfigStatusWriter::OnFailure(const absl::Status& status) {
  const std::string failure(status.message());
  if (failure != last_failure_)
    spdlog::warn("write the status of FairleadConfig {}: {}", kConfigName, failure);
  last_failure_ = failure;
  Rest(clock_->MonotonicNs() + kRetryNs);
}

}  // namespace fairlead::controller
