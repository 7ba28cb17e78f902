#include "controller/events/writer.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "base/stable_hash.h"
#include "kube/json.h"
#include "spdlog/spdlog.h"

namespace fairlead::controller {
namespace {

constexpr size_t kMaxEventMessageBytes = 1024;  // the API server refuses more
constexpr size_t kMaxObjectNameBytes = 200;     // of the object's, in the Event's

std::string NamespaceOf(const ObjectKey& object) {
  return object.namespace_name.empty() ? "default" : object.namespace_name;
}

std::string PathOf(const ObjectKey& object) {
  const EventKind* kind = EventKindOf(object.kind);
  const std::string place = object.namespace_name.empty()
                                ? ""
                                : absl::StrCat("/namespaces/", kube::UrlEscaped(object.namespace_name));
  return absl::StrCat(kind->api, place, "/", kind->resource, "/", kube::UrlEscaped(object.name));
}

// Another object of the same name has another UID, and Events of its own.
std::string EventName(const EventFact& fact, const std::string& uid) {
  const uint64_t hash = StableHash(absl::StrCat(uid, "\n", fact.reason, "\n", fact.message));
  return absl::StrCat(fact.object.name.substr(0, kMaxObjectNameBytes), ".",
                      absl::Hex(hash, absl::kZeroPad16));
}

}  // namespace

EventWriter::EventWriter(kube::ApiCall call, std::string instance, const Clock* clock)
    : call_(std::move(call)), instance_(std::move(instance)), clock_(clock) {}

void EventWriter::Write(const EventWrite& write) {
  call_({.path = PathOf(write.fact.object)}, [this, write](absl::StatusOr<nlohmann::json> object) {
    if (absl::IsNotFound(object.status())) return;  // gone meanwhile, and its facts with it
    object.ok() ? Create(write, *object) : OnFailure(write, object.status());
  });
}

void EventWriter::Create(const EventWrite& write, const nlohmann::json& object) {
  const EventFact& fact = write.fact;
  const std::string uid = kube::TextField(object, {"metadata", "uid"});
  const std::string name = EventName(fact, uid);
  const std::string path =
      absl::StrCat("/api/v1/namespaces/", kube::UrlEscaped(NamespaceOf(fact.object)), "/events");
  const std::string now = Now();
  nlohmann::json event = {{"apiVersion", "v1"},
                          {"kind", "Event"},
                          {"metadata", {{"name", name}, {"namespace", NamespaceOf(fact.object)}}},
                          {"involvedObject",
                           {{"apiVersion", EventKindOf(fact.object.kind)->api_version},
                            {"kind", fact.object.kind},
                            {"name", fact.object.name},
                            {"uid", uid}}},
                          {"type", "Warning"},
                          {"reason", fact.reason},
                          {"message", fact.message.substr(0, kMaxEventMessageBytes)},
                          {"source", {{"component", "fairlead"}}},
                          {"reportingComponent", "fairlead"},
                          {"reportingInstance", instance_},
                          {"firstTimestamp", now},
                          {"lastTimestamp", now},
                          {"count", write.count}};
  if (!fact.object.namespace_name.empty()) event["involvedObject"]["namespace"] = fact.object.namespace_name;
  call_({.method = "POST", .path = path, .body = std::move(event)},
        [this, write, at = absl::StrCat(path, "/", name)](const absl::StatusOr<nlohmann::json>& done) {
          if (absl::IsAlreadyExists(done.status()) || absl::IsAborted(done.status())) {
            Repeat(write, at);
          } else if (!done.ok()) {
            OnFailure(write, done.status());
          }
        });
}

// Another replica has written it, or this one half an hour ago.
void EventWriter::Repeat(const EventWrite& write, const std::string& path) {
  if (write.count == 1) return;
  call_({.method = "PATCH",
         .path = path,
         .body = {{"count", write.count}, {"lastTimestamp", Now()}},
         .content_type = kube::kMergePatch},
        [this, write](const absl::StatusOr<nlohmann::json>& done) {
          if (!done.ok()) OnFailure(write, done.status());
        });
}

void EventWriter::OnFailure(const EventWrite& write, const absl::Status& status) {
  const std::string failure(status.message());
  if (failure == last_failure_) return;
  last_failure_ = failure;
  spdlog::warn("write Event {} of {}: {}; it is tried again in half an hour", write.fact.reason,
               write.fact.object.ToString(), failure);
}

std::string EventWriter::Now() const {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", absl::FromUnixNanos(clock_->WallNs()), absl::UTCTimeZone());
}

}  // namespace fairlead::controller
