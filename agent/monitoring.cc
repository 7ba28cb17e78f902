#include "agent/monitoring.h"

#include "absl/strings/str_cat.h"
#include "agent/metrics.h"

namespace fairlead::agent {
namespace {

constexpr char kMetricsType[] = "text/plain; version=0.0.4; charset=utf-8";

}  // namespace

HttpReply MonitoringPage(const NodeAgent& agent, const std::string& version, const std::string& path) {
  if (path == "/metrics") return {.type = kMetricsType, .body = MetricsText(agent, version)};
  if (path == "/healthz") return {.body = "ok\n"};
  if (path != "/readyz") return {.status = 404, .body = "there are /metrics, /healthz and /readyz\n"};
  const absl::Status serving = agent.Serving();
  if (serving.ok()) return {.body = "ok\n"};
  return {.status = 503, .body = absl::StrCat(std::string(serving.message()), "\n")};
}

}  // namespace fairlead::agent
