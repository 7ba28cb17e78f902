// Follows one kind of object at the API server: lists it page by page, then watches from where the
// list was, and lists again when the server no longer knows that place. Pure: takes what the server
// sends and the time, says what to ask next and what is new.
//
// - Nothing of a list is given out before its last page is there: only the whole says what is gone.
// - A watch that breaks goes on from the last resourceVersion that was seen, bookmarks included.
// - A custom resource that the server does not know is one of which there is nothing: it is asked for again
// now
//   and then.
// - Failures are spaced out exponentially and with jitter, and never less than Retry-After says.
// Source: Kubernetes API concepts, "Efficient detection of changes".
#pragma once

#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "controller/kubernetes/decode.h"
#include "controller/kubernetes/frames.h"

namespace fairlead::controller {

// What is new of a kind.
struct ApiUpdate {
  bool complete = false;  // `puts` is everything that there is
  uint64_t round = 0;     // of a complete one: the last ListAnew before it was asked for
  std::vector<ManifestEntry> puts;
  std::vector<ObjectKey> removals;
  uint64_t resource_version = 0;
};

class Reflector {
 public:
  static constexpr int64_t kFirstDelayNs = 200'000'000;
  static constexpr int64_t kMaxDelayNs = 30'000'000'000;
  static constexpr int64_t kMaxRetryAfterNs = 120'000'000'000;
  static constexpr int kPageSize = 500;
  // The server ends a watch after 5 to 10 minutes, so that replicas of it share the load anew.
  static constexpr int kMinWatchSeconds = 300;
  static constexpr size_t kMaxPageBytes = 256 << 20;
  static constexpr size_t kMaxJsonPageBytes = 16 << 20;
  static constexpr int64_t kAbsentNs = 20'000'000'000;  // at most, until an unknown kind is asked for again

  struct Request {
    std::string path;  // with its query
    bool watch = false;
    int timeout_seconds = 0;  // of a watch: when the server ends it
  };
  // How a request ended.
  struct End {
    int http_status = 0;  // 0: no reply
    std::string error;    // of the transfer; empty: the reply came whole
    int64_t retry_after_seconds = 0;
  };

  Reflector(const ApiKind& kind, uint32_t seed)
      : kind_(kind), random_(seed), frames_(kind.custom ? Framing::kLine : Framing::kLength) {}

  // What to ask now; nothing while a request is on its way or not due. Then comes OnData, any number
  // of times, and OnEnd.
  std::optional<Request> TakeRequest(int64_t now_ns);
  // When to ask next; nothing while a request is on its way.
  std::optional<int64_t> DueNs() const;
  // The reply begins. A watch that the server has opened is well, even while nothing happens.
  void OnReply(int http_status);
  // False: nothing more of this reply is wanted; end the transfer.
  bool OnData(int http_status, absl::string_view bytes);
  void OnEnd(int64_t now_ns, const End& end);
  // Lists anew, as soon as the request that is on its way has ended; the caller ends a watch.
  // `round`: told apart by, in the update; 0: none of the caller's business.
  void ListAnew(uint64_t round);

  std::vector<ApiUpdate> TakeUpdates();
  bool watching() const { return in_flight_ && !listing_; }
  const ApiKind& kind() const { return kind_; }
  // What is wrong now, for people; empty when all is well.
  const std::string& problem() const { return problem_; }

 private:
  void OnListEnd(int64_t now_ns, const End& end);
  void OnAbsent(int64_t now_ns);
  void OnWatchEnd(int64_t now_ns, const End& end);
  bool TakeEvents();
  void TakeEvent(ApiEvent event);
  void StartListing();
  void Fail(int64_t now_ns, const End& end, const std::string& what);
  std::string Explain(const End& end) const;
  int64_t Jittered(int64_t ns);

  const ApiKind& kind_;
  std::minstd_rand random_;
  bool listing_ = true;
  bool in_flight_ = false;
  bool list_anew_ = false;
  bool absent_ = false;  // the server does not know the kind
  uint64_t round_ = 0;
  int64_t due_ns_ = 0;
  int64_t asked_ns_ = 0;
  int failures_ = 0;
  std::string problem_;

  std::string body_;  // of a list's page, or of a refusal
  std::string continue_token_;
  std::vector<ManifestEntry> listed_;
  Frames frames_;
  std::string event_problem_;  // why the watch is given up
  bool progressed_ = false;    // this watch has brought something
  uint64_t resource_version_ = 0;
  std::vector<ApiUpdate> updates_;
};

}  // namespace fairlead::controller
