#include "tests/controller/fake_objects.h"

#include <cstdlib>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "kube/json.h"

namespace fairlead::controller {
namespace {

constexpr char kStatus[] = "/status";

}  // namespace

kube::ApiCall FakeObjects::Caller() {
  return [this](kube::ApiRequest request, kube::ApiClient::Done done) {
    waiting_.push_back({std::move(request), std::move(done)});
  };
}

void FakeObjects::Answer(size_t n) {
  if (n >= waiting_.size()) std::abort();
  Waiting next = std::move(waiting_[n]);
  waiting_.erase(waiting_.begin() + static_cast<std::ptrdiff_t>(n));
  ++requests_;
  next.done(Reply(next.request));
}

void FakeObjects::AnswerAll() {
  while (!waiting_.empty()) Answer();
}

const nlohmann::json* FakeObjects::Find(const std::string& path) const {
  auto at = objects_.find(path);
  return at == objects_.end() ? nullptr : &at->second;
}

std::vector<nlohmann::json> FakeObjects::Under(const std::string& path) const {
  std::vector<nlohmann::json> found;
  for (auto at = objects_.lower_bound(path); at != objects_.end() && absl::StartsWith(at->first, path); ++at)
    found.push_back(at->second);
  return found;
}

void FakeObjects::SetField(const std::string& path, const nlohmann::json::json_pointer& field,
                           const nlohmann::json& value) {
  objects_[path][field] = value;
  objects_[path]["metadata"]["resourceVersion"] = absl::StrCat(++version_);
}

void FakeObjects::Put(const std::string& path, nlohmann::json object) {
  object["metadata"]["resourceVersion"] = absl::StrCat(++version_);
  objects_[path] = std::move(object);
}

void FakeObjects::Refuse(const std::string& method, const std::string& suffix, absl::Status status) {
  refusals_[{method, suffix}] = std::move(status);
}

void FakeObjects::SetAgentToken(const std::string& token, const std::string& node,
                                const std::string& namespace_name) {
  SetToken(token, {{"authenticated", true},
                   {"audiences", {"fairlead-controller"}},
                   {"user",
                    {{"username", absl::StrCat("system:serviceaccount:", namespace_name, ":fairlead-agent")},
                     {"extra", {{"authentication.kubernetes.io/node-name", {node}}}}}}});
}

absl::StatusOr<nlohmann::json> FakeObjects::Reply(const kube::ApiRequest& request) {
  for (const auto& [what, status] : refusals_) {
    if (what.first == request.method && absl::EndsWith(request.path, what.second) && !status.ok())
      return status;
  }
  if (request.method == "POST") {
    return absl::EndsWith(request.path, "/tokenreviews") ? Review(request.body) : Create(request);
  }
  if (request.method == "PATCH" && request.content_type == kube::kApplyPatch) return Apply(request);
  const size_t query = request.path.find("?limit=");
  if (request.method == "GET" && query != std::string::npos) return List(request.path.substr(0, query));
  auto at = objects_.find(std::string(absl::StripSuffix(request.path, kStatus)));
  if (at == objects_.end()) return absl::NotFoundError(request.path);
  if (request.method == "DELETE") {
    ++writes_;
    objects_.erase(at);
    return nlohmann::json::object();
  }
  if (request.method == "GET") return at->second;
  if (request.method == "PATCH" && request.content_type == kube::kMergePatch) return Patch(request);
  std::abort();  // what no API server takes
}

absl::StatusOr<nlohmann::json> FakeObjects::Create(const kube::ApiRequest& request) {
  const std::string path =
      absl::StrCat(request.path, "/", request.body["metadata"]["name"].get<std::string>());
  if (objects_.count(path) > 0) return absl::AlreadyExistsError(path);
  ++writes_;
  nlohmann::json& object = objects_[path];
  object = request.body;
  object["metadata"]["resourceVersion"] = absl::StrCat(++version_);
  return object;
}

absl::StatusOr<nlohmann::json> FakeObjects::Patch(const kube::ApiRequest& request) {
  nlohmann::json& object = objects_[std::string(absl::StripSuffix(request.path, kStatus))];
  const std::string version = kube::TextField(request.body, {"metadata", "resourceVersion"});
  if (!version.empty() && object["metadata"]["resourceVersion"] != version)
    return absl::AbortedError(request.path);
  ++writes_;
  if (absl::EndsWith(request.path, kStatus)) {
    // Whatever else is in it counts for nothing.
    object.merge_patch({{"status", request.body.value("status", nlohmann::json::object())}});
  } else {
    object.merge_patch(request.body);
  }
  object["metadata"]["resourceVersion"] = absl::StrCat(++version_);
  return object;
}

// Of one field manager: the object reads as it was applied last.
absl::StatusOr<nlohmann::json> FakeObjects::Apply(const kube::ApiRequest& request) {
  const std::string path = request.path.substr(0, request.path.find('?'));
  ++writes_;
  nlohmann::json& object = objects_[path];
  object = request.body;
  object["metadata"]["resourceVersion"] = absl::StrCat(++version_);
  return object;
}

// Of all namespaces; what the objects are named by in their paths tells their kind.
nlohmann::json FakeObjects::List(const std::string& path) const {
  const size_t slash = path.rfind('/');
  const std::string group = path.substr(0, slash), part = path.substr(slash) + "/";
  nlohmann::json list = {{"apiVersion", "fairlead.io/v1alpha1"}, {"items", nlohmann::json::array()}};
  for (const auto& [at, object] : objects_) {
    if (absl::StartsWith(at, group) && absl::StrContains(at, part)) list["items"].push_back(object);
  }
  return list;
}

nlohmann::json FakeObjects::Review(const nlohmann::json& review) const {
  nlohmann::json answer = review;
  auto at = tokens_.find(review["spec"]["token"].get<std::string>());
  if (at != tokens_.end()) {
    answer["status"] = at->second;
  } else {
    answer["status"] = {{"authenticated", false}, {"error", "invalid bearer token"}};
  }
  return answer;
}

}  // namespace fairlead::controller
