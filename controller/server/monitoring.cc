#include "controller/server/monitoring.h"

#include <cstdint>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace fairlead::controller {
namespace {

constexpr char kMetricsType[] = "text/plain; version=0.0.4; charset=utf-8";

// Prometheus' text format.
class Metrics {
 public:
  void Family(const char* name, const char* type, const char* help) {
    name_ = name;
    absl::StrAppend(&text_, "# HELP ", name, " ", help, "\n# TYPE ", name, " ", type, "\n");
  }
  // `labels`: `key="value"`, of our own making.
  void Value(int64_t value, const std::string& labels = "") {
    absl::StrAppend(&text_, name_, labels.empty() ? "" : absl::StrCat("{", labels, "}"), " ", value, "\n");
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
  const char* name_ = "";
};

void AddCertificates(const ClusterIdentity& identity, Metrics* metrics) {
  metrics->Family("fairlead_controller_certificate_end_seconds", "gauge",
                  "When a certificate ends, in seconds since 1970.");
  auto add = [&](const pki::Certificate& certificate, const char* of) {
    metrics->Value(absl::ToUnixSeconds(certificate.end()), absl::StrCat("certificate=\"", of, "\""));
  };
  if (identity.certificate()) add(*identity.certificate(), "controller");
  if (const auto& authorities = identity.authorities()) {
    add(authorities->signer.certificate, "ca");
    if (authorities->next) add(authorities->next->certificate, "next ca");
  }
  metrics->Family("fairlead_controller_certificate_requests_total", "counter",
                  "Agents' requests for certificates, by result.");
  metrics->Value(static_cast<int64_t>(identity.signer().signed_count()), "result=\"signed\"");
  metrics->Value(static_cast<int64_t>(identity.signer().refused_count()), "result=\"refused\"");
}

// What is not as it should be, a line each.
std::vector<std::string> Faults(const Monitored& monitored) {
  std::vector<std::string> faults;
  const Controller& controller = *monitored.controller;
  if (!controller.synced()) faults.push_back("not everything has been read yet");
  for (const std::string& lost : controller.source().Lost()) faults.push_back(lost);
  if (monitored.identity != nullptr && !monitored.identity->status().ok()) {
    faults.emplace_back(monitored.identity->status().message());
  }
  if (monitored.duties != nullptr && !monitored.duties->status().ok()) {
    faults.emplace_back(monitored.duties->status().message());
  }
  return faults;
}

bool IsReady(const Monitored& monitored, absl::Time now) {
  if (!monitored.serving || !monitored.controller->synced()) return false;
  return monitored.identity == nullptr ||
         (monitored.identity->certificate() && monitored.identity->certificate()->end() > now);
}

std::string MetricsPage(const Monitored& monitored, absl::Time now) {
  const Controller& controller = *monitored.controller;
  int64_t connected = 0;
  int64_t in_step = 0;
  for (const AgentStatus& agent : controller.hub().Agents()) {
    connected += agent.connected ? 1 : 0;
    in_step += agent.connected && agent.in_step ? 1 : 0;
  }
  Metrics metrics;
  metrics.Family("fairlead_controller_info", "gauge", "1; the label says which version runs.");
  metrics.Value(1, "version=\"" FAIRLEAD_VERSION "\"");
  metrics.Family("fairlead_controller_ready", "gauge", "1 when agents are served.");
  metrics.Value(IsReady(monitored, now) ? 1 : 0);
  metrics.Family("fairlead_controller_watermark", "gauge", "Version of the source that has been reached.");
  metrics.Value(static_cast<int64_t>(controller.hub().watermark()));
  metrics.Family("fairlead_controller_agents", "gauge", "Agents of this replica, by state.");
  metrics.Value(connected, "state=\"connected\"");
  metrics.Value(in_step, "state=\"in step\"");
  metrics.Family("fairlead_controller_refused_objects", "gauge", "Faults of objects that are refused now.");
  metrics.Value(static_cast<int64_t>(controller.Rejections().size()));
  metrics.Family("fairlead_controller_source_lost", "gauge", "What of the source cannot be followed now.");
  metrics.Value(static_cast<int64_t>(controller.source().Lost().size()));
  if (monitored.duties != nullptr && monitored.duties->leader() != nullptr) {
    metrics.Family("fairlead_controller_leads", "gauge", "1 where this replica writes the status objects.");
    metrics.Value(monitored.duties->leader()->leads() ? 1 : 0);
  }
  if (monitored.identity != nullptr) AddCertificates(*monitored.identity, &metrics);
  return metrics.text();
}

}  // namespace

HttpReply MonitoringPage(const Monitored& monitored, const std::string& path, absl::Time now) {
  if (path == "/healthz") return {.body = "ok\n"};
  if (path == "/metrics") return {.type = kMetricsType, .body = MetricsPage(monitored, now)};
  if (path != "/readyz") return {.status = 404, .body = "there are /healthz, /readyz and /metrics\n"};
  const bool is_ready = IsReady(monitored, now);
  const std::vector<std::string> faults = Faults(monitored);
  return {.status = is_ready ? 200 : 503,
          .body = absl::StrCat(is_ready ? "ready\n" : "not ready\n", absl::StrJoin(faults, "\n"),
                               faults.empty() ? "" : "\n")};
}

}  // namespace fairlead::controller
