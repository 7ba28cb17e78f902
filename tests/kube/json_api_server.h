// An API server for tests that speaks JSON over real HTTP on a port of 127.0.0.1: single objects and lists,
// POST, PUT, PATCH and DELETE as the real one does them, and what goes wrong. (Watches in Protobuf:
// tests/controller/fake_api_server.h.)
#pragma once

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "kube/access.h"

namespace fairlead::kube {

class JsonApiServer {
 public:
  // Status and body of a reply to a request's body.
  using Handler = std::function<std::pair<int, nlohmann::json>(const nlohmann::json&)>;

  JsonApiServer();
  // Like Stop.
  ~JsonApiServer();
  JsonApiServer(const JsonApiServer&) = delete;
  JsonApiServer& operator=(const JsonApiServer&) = delete;

  std::string url() const;
  ApiAccess access() const;

  // `path`: of the object, "/api/v1/nodes/n1".
  void Put(const std::string& path, nlohmann::json object);
  std::optional<nlohmann::json> Get(const std::string& path) const;
  void Delete(const std::string& path);
  // From now on these requests, "POST /apis/x", are answered so.
  void Answer(const std::string& request, Handler handler);
  // The next `count` requests (-1: all) get this status and text.
  void Refuse(int count, int status, const std::string& text);
  // Requests need this bearer token; empty: none.
  void RequireToken(const std::string& token);
  // Requests get no answer any more until the server ends.
  void Hang();
  // Connections are refused from now on.
  void Stop();

  // "GET /api/v1/pods?limit=1", in the order in which they came.
  std::vector<std::string> Requests() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace fairlead::kube
