#include "kube/api_client.h"

#include <algorithm>
#include <atomic>
#include <deque>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "kube/http_client.h"

namespace fairlead::kube {
namespace {

constexpr int kMinAttemptMs = 1'000;
constexpr int kLongestWaitMs = 60'000;

// One request, tried at one server after the other.
class Exchange : public HttpReceiver {
 public:
  Exchange(ApiRequest request, ApiClient::Done done, HttpClient* http)
      : request_(std::move(request)), done_(std::move(done)), http_(http) {
    sent_.method = request_.method;
    sent_.path = request_.path;
    sent_.accept = "application/json";
    if (!request_.body.is_null()) {
      sent_.body = request_.body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
      sent_.content_type = request_.content_type;
    }
    // Each server gets its share of the time.
    sent_.timeout_ms = std::max(kMinAttemptMs, request_.timeout_ms / static_cast<int>(http_->server_count()));
  }

  void Begin() {
    body_.clear();
    too_long_ = false;
    ++attempts_;
    http_->Start(sent_, this);
  }

  void OnReply(int) override {}
  bool OnData(int, absl::string_view bytes) override {
    too_long_ = body_.size() + bytes.size() > ApiClient::kMaxReplyBytes;
    if (!too_long_) body_.append(bytes.data(), bytes.size());
    return !too_long_;
  }
  void OnEnd(const HttpEnd& end) override {
    if (end.servers_fault() && attempts_ < http_->server_count()) {
      sent_.wants_new_connection = true;
      Begin();
      return;
    }
    ended_ = true;
    if (too_long_) {
      result_ = absl::ResourceExhaustedError(absl::StrCat(request_.method, " ", request_.path,
                                                          ": the reply has more than ",
                                                          ApiClient::kMaxReplyBytes, " bytes"));
    } else if (end.status == 0 || !end.error.empty()) {
      result_ = absl::UnavailableError(absl::StrCat(request_.method, " ",
                                                    request_.path.substr(0, request_.path.find('?')), ": ",
                                                    end.error.empty() ? "no answer" : end.error));
    } else {
      result_ = ReadReply(request_, end.status, body_);
    }
  }

  bool ended() const { return ended_; }
  // To be called once, elsewhere.
  std::function<void()> TakeAnswer() {
    return [done = std::move(done_), result = std::move(result_)]() mutable { done(std::move(result)); };
  }

 private:
  ApiRequest request_;
  ApiClient::Done done_;
  HttpClient* http_;
  HttpRequest sent_;
  size_t attempts_ = 0;
  std::string body_;
  bool too_long_ = false;
  bool ended_ = false;
  absl::StatusOr<nlohmann::json> result_ = absl::UnknownError("not asked yet");
};

}  // namespace

struct ApiClient::State {
  EventLoop* loop = nullptr;
  std::unique_ptr<HttpClient> http;
  std::shared_ptr<bool> wanted = std::make_shared<bool>(true);  // the loop's: answers are to be told
  std::atomic<bool> stopped = false;
  std::mutex mutex;
  std::deque<std::pair<ApiRequest, Done>> waiting;   // guarded by mutex
  std::vector<std::unique_ptr<Exchange>> under_way;  // the thread's
  std::thread thread;

  void Run() {
    while (!stopped) {
      BeginWaiting();
      http->Run(kLongestWaitMs);
      TellEnded();
    }
  }

  void BeginWaiting() {
    std::lock_guard<std::mutex> lock(mutex);
    while (!waiting.empty() && under_way.size() < kMaxAtOnce) {
      auto& [request, done] = waiting.front();
      under_way.push_back(std::make_unique<Exchange>(std::move(request), std::move(done), http.get()));
      waiting.pop_front();
      under_way.back()->Begin();
    }
  }

  void TellEnded() {
    for (const auto& exchange : under_way) {
      if (!exchange->ended()) continue;
      loop->Post([wanted = wanted, answer = exchange->TakeAnswer()] {
        if (*wanted) answer();
      });
    }
    std::erase_if(under_way, [](const auto& exchange) { return exchange->ended(); });
  }
};

absl::StatusOr<std::unique_ptr<ApiClient>> ApiClient::Start(ApiAccess access, EventLoop* loop) {
  auto state = std::make_unique<State>();
  state->loop = loop;
  ASSIGN_OR_RETURN(state->http, HttpClient::Create(std::move(access)));
  State* raw = state.get();
  state->thread = std::thread([raw] { raw->Run(); });
  return absl::WrapUnique(new ApiClient(std::move(state)));
}

ApiClient::ApiClient(std::unique_ptr<State> state) : state_(std::move(state)) {}

ApiClient::~ApiClient() {
  *state_->wanted = false;
  state_->stopped = true;
  state_->http->Wake();
  state_->thread.join();
}

void ApiClient::Call(ApiRequest request, Done done) {
  {
    std::lock_guard<std::mutex> lock(state_->mutex);
    state_->waiting.emplace_back(std::move(request), std::move(done));
  }
  state_->http->Wake();
}

}  // namespace fairlead::kube
