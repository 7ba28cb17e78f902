#include "tests/kube/json_api_server.h"

#include <httplib.h>

#include <condition_variable>
#include <cstdlib>
#include <map>
#include <mutex>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "kube/api_request.h"

namespace fairlead::kube {
namespace {

using nlohmann::json;

json Refusal(int code, const std::string& reason, const std::string& message) {
  return {
      {"kind", "Status"}, {"status", "Failure"}, {"code", code}, {"reason", reason}, {"message", message}};
}

bool Matches(const json& object, const std::string& selector) {
  for (absl::string_view part : absl::StrSplit(selector, ',', absl::SkipEmpty())) {
    const std::pair<std::string, std::string> wanted = absl::StrSplit(part, absl::MaxSplits('=', 1));
    const json labels = object.value("/metadata/labels"_json_pointer, json::object());
    if (labels.value(wanted.first, "") != wanted.second) return false;
  }
  return true;
}

// Lists of maps with a "type" are merged by it, as those of conditions are; the rest is RFC 7386.
void MergeStrategically(json* object, const json& patch) {
  for (const auto& [key, value] : patch.items()) {
    json& place = (*object)[key];
    if (value.is_object()) {
      if (!place.is_object()) place = json::object();
      MergeStrategically(&place, value);
    } else if (value.is_array() && place.is_array() && !value.empty() && value[0].contains("type")) {
      for (const json& item : value) {
        auto same = std::find_if(place.begin(), place.end(),
                                 [&](const json& other) { return other["type"] == item["type"]; });
        if (same == place.end()) {
          place.push_back(item);
        } else {
          same->merge_patch(item);
        }
      }
    } else if (value.is_null()) {
      object->erase(key);
    } else {
      place = value;
    }
  }
}

}  // namespace

struct JsonApiServer::State {
  mutable std::mutex mutex;
  std::condition_variable changed;
  std::map<std::string, json> objects;  // by path
  std::map<std::string, Handler> handlers;
  std::vector<std::string> requests;
  uint64_t version = 100;
  int refuse_count = 0;
  int refuse_status = 0;
  std::string refuse_text;
  std::string token;
  bool hangs = false;
  bool ending = false;
  httplib::Server server;
  int port = 0;
  std::thread thread;

  void Store(const std::string& path, json object) {
    object["metadata"]["resourceVersion"] = absl::StrCat(++version);
    objects[path] = std::move(object);
  }

  std::pair<int, json> List(const std::string& path, const std::string& selector) const {
    json items = json::array();
    for (auto at = objects.lower_bound(path + "/"); at != objects.end(); ++at) {
      if (!absl::StartsWith(at->first, path + "/")) break;
      const bool direct = at->first.find('/', path.size() + 1) == std::string::npos;
      if (direct && Matches(at->second, selector)) items.push_back(at->second);
    }
    return {200,
            {{"kind", "List"}, {"metadata", {{"resourceVersion", absl::StrCat(version)}}}, {"items", items}}};
  }

  std::pair<int, json> Patch(const std::string& path, const std::string& type, const json& patch) {
    json object = objects.at(path);
    if (type == kJsonPatch) {
      try {
        object = object.patch(patch);
      } catch (const json::exception& error) {
        return {422, Refusal(422, "Invalid", error.what())};
      }
    } else if (type == kStrategicPatch) {
      MergeStrategically(&object, patch);
    } else {
      object.merge_patch(patch);
    }
    Store(path, object);
    return {200, objects.at(path)};
  }

  std::pair<int, json> Handle(const httplib::Request& request) {
    const json body = json::parse(request.body, nullptr, false);
    if (auto handler = handlers.find(request.method + " " + request.path); handler != handlers.end())
      return handler->second(body);
    std::string path = request.path;
    if (absl::EndsWith(path, "/status")) path.resize(path.size() - strlen("/status"));
    if (request.method == "POST") {
      path += "/" + body["metadata"].value("name", "");
      if (objects.contains(path)) return {409, Refusal(409, "AlreadyExists", path + " already exists")};
      Store(path, body);
      return {201, objects.at(path)};
    }
    if (!objects.contains(path)) {
      const bool is_collection =
          request.method == "GET" && (request.has_param("labelSelector") || request.has_param("limit"));
      if (is_collection) return List(path, request.get_param_value("labelSelector"));
      return {404, Refusal(404, "NotFound", path + " not found")};
    }
    if (request.method == "PATCH") return Patch(path, request.get_header_value("Content-Type"), body);
    if (request.method == "PUT") {
      const std::string known = objects.at(path)["metadata"].value("resourceVersion", "");
      const std::string based_on = body["metadata"].value("resourceVersion", known);
      if (based_on != known) return {409, Refusal(409, "Conflict", "the object has been modified")};
      Store(path, body);
    }
    const json object = objects.at(path);
    if (request.method == "DELETE") objects.erase(path);
    return {200, object};
  }

  void Serve(const httplib::Request& request, httplib::Response& response) {
    std::unique_lock<std::mutex> lock(mutex);
    requests.push_back(request.method + " " + request.target);
    changed.wait(lock, [&] { return !hangs || ending; });
    std::pair<int, json> reply;
    if (!token.empty() && request.get_header_value("Authorization") != "Bearer " + token) {
      reply = {401, Refusal(401, "Unauthorized", "Unauthorized")};
    } else if (refuse_count != 0) {
      if (refuse_count > 0) --refuse_count;
      response.status = refuse_status;
      response.set_content(refuse_text, "text/plain");
      return;
    } else {
      reply = Handle(request);
    }
    response.status = reply.first;
    response.set_content(reply.second.dump(), "application/json");
  }
};

JsonApiServer::JsonApiServer() : state_(std::make_unique<State>()) {
  State* state = state_.get();
  auto serve = [state](const httplib::Request& request, httplib::Response& response) {
    state->Serve(request, response);
  };
  // A thread a connection, also while it is idle.
  state->server.new_task_queue = [] { return new httplib::ThreadPool(32); };
  state->server.set_keep_alive_timeout(1);
  state->server.Get("/.*", serve)
      .Post("/.*", serve)
      .Put("/.*", serve)
      .Patch("/.*", serve)
      .Delete("/.*", serve);
  state->port = state->server.bind_to_any_port("127.0.0.1");
  if (state->port <= 0) std::abort();
  state->thread = std::thread([state] { state->server.listen_after_bind(); });
  // stop() does nothing before.
  while (!state->server.is_running()) std::this_thread::yield();
}

JsonApiServer::~JsonApiServer() {
  Stop();
}

void JsonApiServer::Stop() {
  if (!state_->thread.joinable()) return;
  {
    std::lock_guard<std::mutex> lock(state_->mutex);
    state_->ending = true;
    state_->changed.notify_all();
  }
  state_->server.stop();
  state_->thread.join();
}

std::string JsonApiServer::url() const {
  return absl::StrCat("http://127.0.0.1:", state_->port);
}

ApiAccess JsonApiServer::access() const {
  ApiAccess access;
  access.servers = {url()};
  return access;
}

void JsonApiServer::Put(const std::string& path, json object) {
  std::lock_guard<std::mutex> lock(state_->mutex);
  state_->Store(path, std::move(object));
}

std::optional<json> JsonApiServer::Get(const std::string& path) const {
  std::lock_guard<std::mutex> lock(state_->mutex);
  auto found = state_->objects.find(path);
  return found == state_->objects.end() ? std::nullopt : std::optional(found->second);
}

void JsonApiServer::Delete(const std::string& path) {
  std::lock_guard<std::mutex> lock(state_->mutex);
  state_->objects.erase(path);
}

void JsonApiServer::Answer(const std::string& request, Handler handler) {
  std::lock_guard<std::mutex> lock(state_->mutex);
  state_->handlers[request] = std::move(handler);
}

void JsonApiServer::Refuse(int count, int status, const std::string& text) {
  std::lock_guard<std::mutex> lock(state_->mutex);
  state_->refuse_count = count;
  state_->refuse_status = status;
  state_->refuse_text = text;
}

void JsonApiServer::RequireToken(const std::string& token) {
  std::lock_guard<std::mutex> lock(state_->mutex);
  state_->token = token;
}

void JsonApiServer::Hang() {
  std::lock_guard<std::mutex> lock(state_->mutex);
  state_->hangs = true;
}

std::vector<std::string> JsonApiServer::Requests() const {
  std::lock_guard<std::mutex> lock(state_->mutex);
  return state_->requests;
}

}  // namespace fairlead::kube
