#include "agent/node/service_health.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

namespace fairlead::agent {
namespace {

constexpr int64_t kNsPerSecond = 1'000'000'000;

// As Go writes a time.
std::string TimeText(int64_t ns) {
  return absl::FormatTime("%Y-%m-%d %H:%M:%E*S +0000 UTC", absl::FromUnixNanos(ns), absl::UTCTimeZone());
}

}  // namespace

int64_t MaxSilenceNs(uint32_t verify_interval_s) {
  return std::max<int64_t>(60, 2 * static_cast<int64_t>(verify_interval_s)) * kNsPerSecond;
}

HttpReply ServiceHealthPage(const ServiceHealth& health, int64_t now_ns, int64_t max_silence_ns,
                            const std::string& path) {
  if (path != "/healthz" && path != "/livez") {
    return {.status = 404, .body = "there are /healthz and /livez\n"};
  }
  const bool works = health.serving && now_ns - health.applied_ns <= max_silence_ns;
  const bool asks_for_node = path == "/healthz";
  const bool healthy = works && !(asks_for_node && health.leaving);
  HttpReply reply{.status = healthy ? 200 : 503, .type = "application/json"};
  // Of a healthy one kube-proxy says "just now", whenever that was.
  reply.body = absl::StrCat(R"({"lastUpdated": ")", TimeText(healthy ? now_ns : health.applied_ns),
                            R"(","currentTime": ")", TimeText(now_ns), "\"");
  if (asks_for_node) absl::StrAppend(&reply.body, R"(, "nodeEligible": )", health.leaving ? "false" : "true");
  reply.body += "}";
  return reply;
}

}  // namespace fairlead::agent
