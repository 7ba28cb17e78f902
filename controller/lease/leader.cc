#include "controller/lease/leader.h"

#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "base/status_macros.h"
#include "kube/json.h"
#include "spdlog/spdlog.h"

namespace fairlead::controller {
namespace {

// MicroTime of the API.
std::string MicroTimeOf(int64_t wall_ns) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E6SZ", absl::FromUnixNanos(wall_ns), absl::UTCTimeZone());
}

int64_t TransitionsOf(const nlohmann::json& lease) {
  const nlohmann::json* transitions = kube::FindField(lease, {"spec", "leaseTransitions"});
  return transitions != nullptr && transitions->is_number_integer() ? transitions->get<int64_t>() : 0;
}

}  // namespace

Leader::Leader(kube::ApiCall call, const std::string& namespace_name, std::string holder, const Clock* clock,
               EventLoop* loop)
    : call_(std::move(call)),
      leases_(absl::StrCat("/apis/coordination.k8s.io/v1/namespaces/", kube::UrlEscaped(namespace_name),
                           "/leases")),
      holder_(std::move(holder)),
      clock_(clock),
      loop_(loop) {}

Leader::~Leader() {
  loop_->Cancel(timer_);
}

void Leader::Round() {
  loop_->Cancel(std::exchange(timer_, 0));
  const int64_t now_ns = clock_->MonotonicNs();
  call_({.path = absl::StrCat(leases_, "/", kName)},
        [this, now_ns](const absl::StatusOr<nlohmann::json>& lease) { OnRead(lease, now_ns); });
}

void Leader::OnRead(const absl::StatusOr<nlohmann::json>& lease, int64_t asked_ns) {
  if (absl::IsNotFound(lease.status())) {
    Create(asked_ns);
    return;
  }
  if (!lease.ok()) {
    EndRound(lease.status());
    return;
  }
  const std::string holder = kube::TextField(*lease, {"spec", "holderIdentity"});
  const std::string version = kube::TextField(*lease, {"metadata", "resourceVersion"});
  const int64_t now_ns = clock_->MonotonicNs();
  if (version != seen_) {
    seen_ = version;
    seen_ns_ = now_ns;
  }
  if (holder != holder_ && renewed_ns_ >= 0) renewed_ns_ = -1;
  const bool is_free = holder.empty() || now_ns - seen_ns_ >= kDurationNs;
  if (holder == holder_ || is_free) {
    Take(*lease, now_ns);
  } else {
    EndRound(absl::OkStatus());
  }
}

nlohmann::json Leader::Spec(bool is_new, int64_t transitions) const {
  const std::string now = MicroTimeOf(clock_->WallNs());
  nlohmann::json spec = {{"holderIdentity", holder_},
                         {"leaseDurationSeconds", kDurationNs / 1'000'000'000},
                         {"renewTime", now},
                         {"leaseTransitions", transitions}};
  if (is_new) spec["acquireTime"] = now;
  return spec;
}

void Leader::Create(int64_t asked_ns) {
  call_(
      {.method = "POST",
       .path = leases_,
       .body = {{"apiVersion", "coordination.k8s.io/v1"},
                {"kind", "Lease"},
                {"metadata", {{"name", kName}}},
                {"spec", Spec(true, 0)}}},
      [this, asked_ns](const absl::StatusOr<nlohmann::json>& lease) { OnWritten(lease.status(), asked_ns); });
}

void Leader::Take(const nlohmann::json& lease, int64_t asked_ns) {
  const bool is_new = kube::TextField(lease, {"spec", "holderIdentity"}) != holder_;
  // Refused when somebody has written it meanwhile.
  call_(
      {.method = "PATCH",
       .path = absl::StrCat(leases_, "/", kName),
       .body = {{"metadata", {{"resourceVersion", kube::TextField(lease, {"metadata", "resourceVersion"})}}},
                {"spec", Spec(is_new, TransitionsOf(lease) + (is_new ? 1 : 0))}},
       .content_type = kube::kMergePatch},
      [this, asked_ns](const absl::StatusOr<nlohmann::json>& taken) { OnWritten(taken.status(), asked_ns); });
}

void Leader::OnWritten(const absl::Status& status, int64_t asked_ns) {
  if (absl::IsAborted(status) || absl::IsAlreadyExists(status)) {  // another replica was first
    renewed_ns_ = -1;
    EndRound(absl::OkStatus());
    return;
  }
  if (status.ok()) {
    if (!leads()) spdlog::info("this replica writes the status objects now: it holds Lease {}", kName);
    renewed_ns_ = asked_ns;
  }
  EndRound(status);
}

void Leader::EndRound(const absl::Status& status) {
  const absl::Status before =
      std::exchange(status_, status.ok() ? status : WrapError(status, absl::StrCat("hold Lease ", kName)));
  if (!status_.ok() && status_ != before) spdlog::warn("{}", std::string(status_.message()));
  const int64_t delay_ns = std::uniform_int_distribution<int64_t>(kIntervalNs / 2, kIntervalNs)(random_);
  timer_ = loop_->After(std::chrono::nanoseconds(delay_ns), [this] { Round(); });
}

}  // namespace fairlead::controller
