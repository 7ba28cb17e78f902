#include "controller/kubernetes/api_watcher.h"

#include <algorithm>
#include <utility>

#include "absl/memory/memory.h"
#include "base/clock.h"
#include "base/status_macros.h"

namespace fairlead::controller {
namespace {

constexpr int64_t kNsPerMs = 1'000'000;
constexpr int64_t kLongestWaitMs = 60'000;

}  // namespace

// One kind: its reflector, fed by one request at a time.
class ApiWatcher::Follower : public kube::HttpReceiver {
 public:
  Follower(const ApiKind& kind, uint32_t seed, kube::HttpClient* client,
           const std::function<void(News)>& deliver)
      : reflector_(kind, seed), client_(client), deliver_(deliver) {}

  void AskIfDue(int64_t now_ns) {
    std::optional<Reflector::Request> request = reflector_.TakeRequest(now_ns);
    if (!request) return;
    const std::string type = reflector_.kind().custom ? "application/json" : kProtobufType;
    client_->Start({.path = request->path,
                    .accept = request->watch ? type + ";stream=watch" : type,
                    .stream_seconds = request->timeout_seconds,
                    .wants_new_connection = failed_},
                   this);
  }
  std::optional<int64_t> DueNs() const { return reflector_.DueNs(); }

  void ListAnew(uint64_t round) {
    reflector_.ListAnew(round);
    if (reflector_.watching()) client_->Cancel(this);
  }

  void OnReply(int status) override {
    reflector_.OnReply(status);
    Deliver();
  }
  bool OnData(int status, absl::string_view bytes) override {
    bool go_on = reflector_.OnData(status, bytes);
    Deliver();
    return go_on;
  }
  void OnEnd(const kube::HttpEnd& end) override {
    failed_ = end.failed();
    reflector_.OnEnd(SystemClock().MonotonicNs(), {end.status, end.error, end.retry_after_seconds});
    Deliver();
  }

 private:
  void Deliver() {
    std::vector<ApiUpdate> updates = reflector_.TakeUpdates();
    if (updates.empty() && reflector_.problem() == said_) return;
    said_ = reflector_.problem();
    deliver_({&reflector_.kind(), std::move(updates), said_});
  }

  Reflector reflector_;
  kube::HttpClient* client_;
  const std::function<void(News)>& deliver_;
  std::string said_;
  bool failed_ = false;  // the last request
};

absl::StatusOr<std::unique_ptr<ApiWatcher>> ApiWatcher::Start(kube::ApiAccess access, uint32_t seed,
                                                              std::function<void(News)> deliver) {
  ASSIGN_OR_RETURN(std::unique_ptr<kube::HttpClient> client, kube::HttpClient::Create(std::move(access)));
  return absl::WrapUnique(new ApiWatcher(std::move(client), seed, std::move(deliver)));
}

ApiWatcher::ApiWatcher(std::unique_ptr<kube::HttpClient> client, uint32_t seed,
                       std::function<void(News)> deliver)
    : deliver_(std::move(deliver)), client_(std::move(client)) {
  for (const ApiKind& kind : kApiKinds)
    followers_.push_back(std::make_unique<Follower>(kind, ++seed, client_.get(), deliver_));
  thread_ = std::thread([this] { Run(); });
}

ApiWatcher::~ApiWatcher() {
  stopped_ = true;
  client_->Wake();
  thread_.join();
}

void ApiWatcher::ListAnew(uint64_t round) {
  wanted_round_ = round;
  client_->Wake();
}

void ApiWatcher::Run() {
  uint64_t round = 0;
  while (!stopped_) {
    if (uint64_t wanted = wanted_round_; wanted > round) {
      round = wanted;
      for (const auto& follower : followers_) follower->ListAnew(round);
    }
    int64_t now = SystemClock().MonotonicNs();
    int64_t wait_ms = kLongestWaitMs;
    for (const auto& follower : followers_) {
      follower->AskIfDue(now);
      if (std::optional<int64_t> due = follower->DueNs())
        wait_ms = std::min(wait_ms, std::max<int64_t>(0, (*due - now + kNsPerMs - 1) / kNsPerMs));
    }
    client_->Run(static_cast<int>(wait_ms));
  }
}

}  // namespace fairlead::controller
