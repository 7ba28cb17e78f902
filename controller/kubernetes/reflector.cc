#include "controller/kubernetes/reflector.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "kube/api_request.h"

namespace fairlead::controller {
namespace {

constexpr int kNotFound = 404;
constexpr int kGone = 410;
constexpr int64_t kNsPerSecond = 1'000'000'000;
constexpr size_t kMaxRefusalBytes = 64 << 10;

}  // namespace

int64_t Reflector::Jittered(int64_t ns) {
  return ns / 2 + static_cast<int64_t>(random_() % static_cast<uint64_t>(ns / 2 + 1));
}

std::optional<int64_t> Reflector::DueNs() const {
  return in_flight_ ? std::nullopt : std::optional(due_ns_);
}

std::optional<Reflector::Request> Reflector::TakeRequest(int64_t now_ns) {
  if (in_flight_ || now_ns < due_ns_) return std::nullopt;
  if (list_anew_) StartListing();
  in_flight_ = true;
  asked_ns_ = now_ns;
  body_.clear();
  frames_.Clear();
  event_problem_.clear();
  progressed_ = false;
  if (listing_) {
    std::string path = absl::StrCat(kind_.path, "?limit=", kPageSize);
    if (!continue_token_.empty()) absl::StrAppend(&path, "&continue=", kube::UrlEscaped(continue_token_));
    return Request{std::move(path), false, 0};
  }
  int seconds = kMinWatchSeconds + static_cast<int>(random_() % kMinWatchSeconds);
  return Request{absl::StrCat(kind_.path, "?watch=true&allowWatchBookmarks=true&resourceVersion=",
                              resource_version_, "&timeoutSeconds=", seconds),
                 true, seconds};
}

void Reflector::OnReply(int http_status) {
  if (http_status == 200 && !listing_) problem_.clear();
}

bool Reflector::OnData(int http_status, absl::string_view bytes) {
  if (http_status == 200 && !listing_) {
    frames_.Add(bytes);
    return TakeEvents();
  }
  const size_t page = kind_.custom ? kMaxJsonPageBytes : kMaxPageBytes;
  const size_t limit = http_status == 200 ? page : kMaxRefusalBytes;
  if (body_.size() + bytes.size() > limit) {
    event_problem_ = absl::StrCat("the reply has more than ", limit, " bytes");
    return false;
  }
  body_.append(bytes.data(), bytes.size());
  return true;
}

bool Reflector::TakeEvents() {
  while (event_problem_.empty() && !list_anew_) {
    absl::StatusOr<std::optional<std::string>> frame = frames_.Next();
    if (frame.ok() && !*frame) return true;
    absl::StatusOr<ApiEvent> event = frame.ok() ? DecodeEvent(kind_, **frame) : frame.status();
    if (event.ok()) {
      TakeEvent(*std::move(event));
    } else {
      event_problem_ = std::string(event.status().message());
    }
  }
  return false;
}

void Reflector::TakeEvent(ApiEvent event) {
  if (event.type == ApiEvent::Type::kError) {
    if (event.refusal.code == kGone) {
      list_anew_ = true;
    } else {
      event_problem_ = absl::StrCat("the API server ended the watch: ", event.refusal.message, " (",
                                    event.refusal.reason, ")");
    }
    return;
  }
  progressed_ = true;
  problem_.clear();
  failures_ = 0;
  resource_version_ = std::max(resource_version_, event.resource_version);
  ApiUpdate update;
  update.resource_version = resource_version_;
  if (event.type == ApiEvent::Type::kPut) update.puts.push_back(std::move(event.entry));
  if (event.type == ApiEvent::Type::kDelete) update.removals.push_back(*event.entry.key);
  updates_.push_back(std::move(update));
}

void Reflector::ListAnew(uint64_t round) {
  list_anew_ = true;
  round_ = std::max(round_, round);
  if (absent_ && !in_flight_) due_ns_ = 0;
}

void Reflector::StartListing() {
  list_anew_ = false;
  listing_ = true;
  continue_token_.clear();
  listed_.clear();
}

void Reflector::OnEnd(int64_t now_ns, const End& end) {
  in_flight_ = false;
  due_ns_ = now_ns;
  if (listing_) {
    OnListEnd(now_ns, end);
  } else {
    OnWatchEnd(now_ns, end);
  }
  body_.clear();
  body_.shrink_to_fit();
}

void Reflector::OnListEnd(int64_t now_ns, const End& end) {
  if (list_anew_) return;  // what this list says is too old for who asks
  if (kind_.custom && end.http_status == kNotFound) return OnAbsent(now_ns);
  if (end.http_status == kGone) {
    // The place that the continue token stands for is gone: from the beginning.
    StartListing();
    return Fail(now_ns, end, Explain(end));
  }
  if (end.http_status != 200 || !end.error.empty() || !event_problem_.empty())
    return Fail(now_ns, end, Explain(end));
  absl::StatusOr<ListPage> page = DecodeList(kind_, body_);
  if (!page.ok()) return Fail(now_ns, end, std::string(page.status().message()));
  failures_ = 0;
  listed_.insert(listed_.end(), std::make_move_iterator(page->entries.begin()),
                 std::make_move_iterator(page->entries.end()));
  continue_token_ = page->continue_token;
  if (!continue_token_.empty()) return;
  problem_.clear();
  absent_ = false;
  resource_version_ = page->resource_version;
  updates_.push_back({true, round_, std::move(listed_), {}, resource_version_});
  listed_ = {};
  listing_ = false;
}

// The API server says so only once it knows all kinds that there are.
void Reflector::OnAbsent(int64_t now_ns) {
  StartListing();
  absent_ = true;
  problem_.clear();
  failures_ = 0;
  due_ns_ = now_ns + Jittered(kAbsentNs);
  updates_.push_back({true, round_, {}, {}, 0});
}

void Reflector::OnWatchEnd(int64_t now_ns, const End& end) {
  if (end.http_status == kGone || (kind_.custom && end.http_status == kNotFound)) list_anew_ = true;
  if (list_anew_) {
    // The first time at once; a server that says so again and again is asked more slowly.
    if (!progressed_ && failures_++ > 0) due_ns_ = now_ns + Jittered(kFirstDelayNs << std::min(failures_, 7));
    return;
  }
  bool ended_well = end.http_status == 200 && end.error.empty() && event_problem_.empty();
  if (!ended_well) return Fail(now_ns, end, Explain(end));
  if (progressed_ || now_ns - asked_ns_ >= kNsPerSecond) {
    problem_.clear();
    failures_ = 0;
  } else {
    Fail(now_ns, end, "the API server ends each watch at once");
  }
}

std::string Reflector::Explain(const End& end) const {
  if (!event_problem_.empty()) return event_problem_;
  if (end.http_status == 0 || end.http_status == 200) {
    return end.error.empty() ? "the reply broke off" : end.error;
  }
  ApiRefusal refusal = DecodeRefusal(end.http_status, body_);
  std::string text = absl::StrCat("the API server answered ", end.http_status,
                                  refusal.message.empty() ? "" : absl::StrCat(": ", refusal.message));
  if (end.http_status == 401) absl::StrAppend(&text, "; renew the token or the client certificate");
  if (end.http_status == 403) {
    absl::StrAppend(&text, "; allow this identity the verbs list and watch on ", kind_.resource);
  }
  return text;
}

void Reflector::Fail(int64_t now_ns, const End& end, const std::string& what) {
  problem_ = absl::StrCat(listing_ ? "list " : "watch ", kind_.resource, ": ", what);
  int64_t delay = Jittered(std::min(kMaxDelayNs, kFirstDelayNs << std::min(failures_, 10)));
  ++failures_;
  if (end.retry_after_seconds > 0) {
    int64_t asked_for =
        std::min(std::min<int64_t>(end.retry_after_seconds, 3600) * kNsPerSecond, kMaxRetryAfterNs);
    delay = std::max(delay, asked_for + Jittered(kFirstDelayNs));
  }
  due_ns_ = now_ns + delay;
}

std::vector<ApiUpdate> Reflector::TakeUpdates() {
  return std::exchange(updates_, {});
}

}  // namespace fairlead::controller
