#include "controller/status/reporter.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "controller/status/node_state.h"
#include "kube/json.h"
#include "spdlog/spdlog.h"

namespace fairlead::controller {
namespace {

constexpr int kPageObjects = 500;
constexpr int64_t kShareOfTime = 50;

absl::Status ReadFailure(const absl::Status& status, const std::string& path) {
  if (!absl::IsNotFound(status)) return WrapError(status, "read the status objects");
  return absl::NotFoundError(
      absl::StrCat("read the status objects: the API server does not know ", path,
                   "; the chart brings its CustomResourceDefinition: helm upgrade, or statusObjects=false"));
}

}  // namespace

StatusReporter::StatusReporter(const Controller* controller, kube::ApiCall call, const Leader* leader,
                               ProgressRound* progress, const Clock* clock, EventLoop* loop)
    : controller_(controller),
      call_(std::move(call)),
      leader_(leader),
      progress_(progress),
      clock_(clock),
      loop_(loop) {}

StatusReporter::~StatusReporter() {
  loop_->Cancel(timer_);
}

void StatusReporter::RoundIn(int64_t delay_ns) {
  loop_->Cancel(timer_);
  timer_ = loop_->After(std::chrono::nanoseconds(delay_ns), [this] { Round(); });
}

void StatusReporter::Round() {
  loop_->Cancel(std::exchange(timer_, 0));
  worked_ns_ = 0;
  failure_ = absl::OkStatus();
  if (!leader_->leads() || !controller_->synced()) {
    book_.reset();
    EndRound(absl::OkStatus());
    return;
  }
  if (book_ && clock_->MonotonicNs() - read_ns_ < kReadAgainNs) {
    Ask();
    return;
  }
  read_.clear();
  Read(kNodesPath, "");
}

void StatusReporter::Read(const std::string& path, const std::string& token) {
  const std::string next = token.empty() ? "" : absl::StrCat("&continue=", kube::UrlEscaped(token));
  call_({.path = absl::StrCat(path, "?limit=", kPageObjects, next)},
        [this, path](const absl::StatusOr<nlohmann::json>& page) { OnRead(path, page); });
}

void StatusReporter::OnRead(const std::string& path, const absl::StatusOr<nlohmann::json>& page) {
  if (!page.ok()) {
    EndRound(ReadFailure(page.status(), path));
    return;
  }
  const std::string kind = path == kNodesPath ? "FairleadNode" : "FairleadRealisation";
  for (nlohmann::json object : kube::ListField(*page, {"items"})) {
    object["kind"] = kind;  // items of a list may come without
    object["apiVersion"] = kube::TextField(*page, {"apiVersion"});
    read_.push_back(std::move(object));
  }
  if (const std::string token = kube::TextField(*page, {"metadata", "continue"}); !token.empty()) {
    Read(path, token);
  } else if (path == kNodesPath) {
    Read(kRealisationsPath, "");
  } else {
    if (!book_) book_.emplace();
    book_->Load(std::exchange(read_, {}));
    read_ns_ = clock_->MonotonicNs();
    Ask();
  }
}

void StatusReporter::Ask() {
  const int64_t begin_ns = clock_->MonotonicNs();
  auto round = std::make_shared<const RealisationRound>(*controller_);
  worked_ns_ += clock_->MonotonicNs() - begin_ns;
  progress_->Begin(round->seen(),
                   [this, alive = std::weak_ptr<bool>(alive_), round](const ClusterView& view) {
                     if (!alive.expired()) Tell(*round, view);
                   });
}

void StatusReporter::Tell(const RealisationRound& round, const ClusterView& view) {
  const int64_t begin_ns = clock_->MonotonicNs();
  std::vector<StatusDocument> documents;
  for (const NodeState& node : NodeStatesOf(*controller_, view.progress)) {
    if (!node.uid.empty()) documents.push_back(DocumentOf(node));
  }
  for (const ObjectRealisation& one : round.Judge(*controller_, view.progress)) {
    if (!one.version.uid.empty()) documents.push_back(DocumentOf(one));
  }
  const std::vector<StatusWrite> writes = book_->Round(documents, begin_ns, clock_->WallNs());
  worked_ns_ += clock_->MonotonicNs() - begin_ns;
  if (!view.missing.empty()) failure_ = absl::UnavailableError(view.missing.front());
  writing_ = writes.size();
  for (const StatusWrite& write : writes) Write(write);
  if (writes.empty()) EndRound(failure_);
}

// Server-side apply (Kubernetes API concepts): makes the object, or makes it read so. What was in it before
// and is not any more goes.
void StatusReporter::Write(const StatusWrite& write) {
  const bool goes = write.body.is_null();
  call_({.method = goes ? "DELETE" : "PATCH",
         .path = goes ? write.path : absl::StrCat(write.path, "?fieldManager=fairlead&force=true"),
         .body = write.body,
         .content_type = goes ? "application/json" : kube::kApplyPatch},
        [this, path = write.path](const absl::StatusOr<nlohmann::json>& done) {
          // Gone meanwhile, or its namespace.
          OnWritten(path, absl::IsNotFound(done.status()) ? absl::OkStatus() : done.status());
        });
}

void StatusReporter::OnWritten(const std::string& path, const absl::Status& status) {
  if (!status.ok()) {
    if (book_) book_->OnFailure(path);
    failure_ = WrapError(status, "write status objects");
  }
  if (--writing_ == 0) EndRound(failure_);
}

void StatusReporter::EndRound(const absl::Status& status) {
  const absl::Status before = std::exchange(status_, status);
  if (!status_.ok() && status_ != before) spdlog::warn("{}", std::string(status_.message()));
  RoundIn(std::max(kIntervalNs, kShareOfTime * worked_ns_));
}

}  // namespace fairlead::controller
