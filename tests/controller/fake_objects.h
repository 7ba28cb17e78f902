// The API server's objects for tests of what asks for them in JSON: in memory, with resourceVersions, and
// with answers that come when the test says. Understands GET, lists, POST, DELETE, merge PATCH, of a /status
// too, and apply, and reviews tokens.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "kube/api_client.h"

namespace fairlead::controller {

class FakeObjects {
 public:
  // Requests wait until they are answered.
  kube::ApiCall Caller();
  // Answers the n-th that waits; what it says is decided now.
  void Answer(size_t n = 0);
  // Until nothing waits.
  void AnswerAll();
  size_t waiting() const { return waiting_.size(); }

  // nullptr: there is none. "/api/v1/namespaces/NS/secrets/NAME"
  const nlohmann::json* Find(const std::string& path) const;
  // All whose path begins so.
  std::vector<nlohmann::json> Under(const std::string& path) const;
  void Delete(const std::string& path) { objects_.erase(path); }
  // As it is given; its path is where it is found.
  void Put(const std::string& path, nlohmann::json object);
  void SetField(const std::string& path, const nlohmann::json::json_pointer& field,
                const nlohmann::json& value);

  // Requests with this method to a path that ends so are answered by `status`; OkStatus(): no more.
  void Refuse(const std::string& method, const std::string& suffix, absl::Status status);
  // What a review of this token says, as its "status"; unknown ones are not authenticated.
  void SetToken(const std::string& token, nlohmann::json status) { tokens_[token] = std::move(status); }
  // A token of the agent on this node.
  void SetAgentToken(const std::string& token, const std::string& node,
                     const std::string& namespace_name = "kube-system");

  size_t writes() const { return writes_; }
  size_t requests() const { return requests_; }

 private:
  struct Waiting {
    kube::ApiRequest request;
    kube::ApiClient::Done done;
  };
  absl::StatusOr<nlohmann::json> Reply(const kube::ApiRequest& request);
  absl::StatusOr<nlohmann::json> Create(const kube::ApiRequest& request);
  absl::StatusOr<nlohmann::json> Patch(const kube::ApiRequest& request);
  absl::StatusOr<nlohmann::json> Apply(const kube::ApiRequest& request);
  nlohmann::json List(const std::string& path) const;
  nlohmann::json Review(const nlohmann::json& review) const;

  std::deque<Waiting> waiting_;
  std::map<std::string, nlohmann::json> objects_;
  std::map<std::pair<std::string, std::string>, absl::Status> refusals_;
  std::map<std::string, nlohmann::json> tokens_;
  uint64_t version_ = 100;
  size_t writes_ = 0;
  size_t requests_ = 0;
};

}  // namespace fairlead::controller
