#include "controller/status/book.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "kube/api_request.h"
#include "kube/json.h"

namespace fairlead::controller {
namespace {

// What of an object is ours: `status` and the like, without what the API server adds.
nlohmann::json OwnPart(const nlohmann::json& object) {
  nlohmann::json own;
  for (const char* key : {"apiVersion", "kind", "object", "status"}) {
    if (object.contains(key)) own[key] = object[key];
  }
  own["metadata"]["name"] = kube::TextField(object, {"metadata", "name"});
  const std::string place = kube::TextField(object, {"metadata", "namespace"});
  if (!place.empty()) own["metadata"]["namespace"] = place;
  own["metadata"]["ownerReferences"] = kube::ListField(object, {"metadata", "ownerReferences"});
  return own;
}

std::string PathOfObject(const nlohmann::json& own) {
  const std::string name = kube::UrlEscaped(kube::TextField(own, {"metadata", "name"}));
  if (kube::TextField(own, {"kind"}) == "FairleadNode") return absl::StrCat(kNodesPath, "/", name);
  return absl::StrCat(kStatusApi, "/namespaces/",
                      kube::UrlEscaped(kube::TextField(own, {"metadata", "namespace"})),
                      "/fairleadrealisations/", name);
}

nlohmann::json& ConditionsOf(nlohmann::json& body) {
  return body["status"]["conditions"];
}

// The same without the times of its conditions.
nlohmann::json WithoutTimes(nlohmann::json body) {
  if (kube::FindField(body, {"status", "conditions"}) == nullptr) return body;
  for (nlohmann::json& condition : ConditionsOf(body)) {
    if (condition.is_object()) condition.erase("lastTransitionTime");
  }
  return body;
}

// A condition's time moves on when its status turns.
void AddTimes(const nlohmann::json& before, const std::string& now, nlohmann::json* body) {
  for (nlohmann::json& condition : ConditionsOf(*body)) {
    const std::string type = kube::TextField(condition, {"type"});
    const std::string status = kube::TextField(condition, {"status"});
    condition["lastTransitionTime"] = now;
    for (const nlohmann::json& old : kube::ListField(before, {"status", "conditions"})) {
      const std::string since = kube::TextField(old, {"lastTransitionTime"});
      if (kube::TextField(old, {"type"}) == type && kube::TextField(old, {"status"}) == status &&
          !since.empty()) {
        condition["lastTransitionTime"] = since;
      }
    }
  }
}

}  // namespace

void StatusBook::Load(const std::vector<nlohmann::json>& objects) {
  std::map<std::string, Entry> before = std::exchange(entries_, {});
  for (const nlohmann::json& object : objects) {
    nlohmann::json own = OwnPart(object);
    const std::string path = PathOfObject(own);
    Entry& entry = entries_[path];
    if (const auto known = before.find(path); known != before.end()) entry = known->second;
    if (entry.body != own) entry.version.clear();
    entry.body = std::move(own);
  }
}

std::vector<StatusWrite> StatusBook::Round(const std::vector<StatusDocument>& documents, int64_t now_ns,
                                           int64_t wall_ns) {
  const std::string now =
      absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", absl::FromUnixNanos(wall_ns), absl::UTCTimeZone());
  std::map<std::string, const StatusDocument*> wanted;
  for (const StatusDocument& document : documents) wanted[document.path] = &document;

  std::vector<std::string> due;
  for (const auto& [path, document] : wanted) {
    Entry& entry = entries_[path];
    entry.unwanted_ns = 0;
    if (!entry.body.is_null() && WithoutTimes(entry.body) == document->body) {
      entry.version = document->version;
      entry.differs_ns = 0;
      continue;
    }
    if (entry.differs_ns == 0) entry.differs_ns = now_ns;
    const bool is_new = entry.version != document->version;
    if (is_new || now_ns - entry.differs_ns >= document->patience_ns) due.push_back(path);
  }
  for (auto& [path, entry] : entries_) {
    if (wanted.count(path) > 0) continue;
    if (entry.unwanted_ns == 0) entry.unwanted_ns = now_ns;
    if (now_ns - entry.unwanted_ns >= kGonePatienceNs) due.push_back(path);
  }

  std::sort(due.begin(), due.end());
  std::rotate(due.begin(), std::upper_bound(due.begin(), due.end(), last_), due.end());
  waiting_ = due.size() > kMaxWrites ? due.size() - kMaxWrites : 0;
  due.resize(due.size() - waiting_);
  std::vector<StatusWrite> writes;
  for (const std::string& path : due) {
    last_ = path;
    const auto document = wanted.find(path);
    if (document == wanted.end()) {
      entries_.erase(path);
      writes.push_back({path, nullptr});
      continue;
    }
    Entry& entry = entries_[path];
    nlohmann::json body = document->second->body;
    AddTimes(entry.body, now, &body);
    entry = {.body = body, .version = document->second->version};
    writes.push_back({path, std::move(body)});
  }
  return writes;
}

void StatusBook::OnFailure(const std::string& path) {
  const auto entry = entries_.find(path);
  if (entry == entries_.end()) return;
  entry->second.body = nullptr;
  entry->second.version.clear();
}

}  // namespace fairlead::controller
