#include "tests/controller/fake_api_server.h"

#include <httplib.h>

#include <condition_variable>
#include <cstdlib>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "controller/kubernetes/decode.h"

namespace fairlead::controller {
namespace {

struct Event {
  uint64_t version = 0;
  std::string bytes;  // a whole frame
};

std::string Envelope(const std::string& kind, const std::string& raw) {
  kubernetes::Unknown envelope;
  envelope.mutable_typemeta()->set_kind(kind);
  envelope.mutable_typemeta()->set_apiversion("v1");
  envelope.set_raw(raw);
  return std::string("k8s\0", 4) + envelope.SerializeAsString();
}

std::string Frame(const std::string& type, const std::string& object) {
  kubernetes::WatchEvent event;
  event.set_type(type);
  event.mutable_object()->set_raw(object);
  std::string bytes = event.SerializeAsString();
  std::string frame;
  for (int shift : {24, 16, 8, 0}) frame.push_back(static_cast<char>(bytes.size() >> shift));
  return frame + bytes;
}

std::string Refusal(int code) {
  kubernetes::Status status;
  status.set_status("Failure");
  status.set_code(code);
  status.set_reason(code == 410 ? "Expired" : "Refused");
  status.set_message("as the test says");
  return Envelope("Status", status.SerializeAsString());
}

std::string WithVersion(const google::protobuf::Message& object, uint64_t version) {
  kubernetes::AnyObject patch;
  patch.mutable_metadata()->set_resourceversion(absl::StrCat(version));
  // Fields that come twice are merged.
  return object.SerializeAsString() + patch.SerializeAsString();
}

const ApiKind& KindOf(const std::string& name) {
  for (const ApiKind& kind : kApiKinds) {
    if (name == kind.kind) return kind;
  }
  std::abort();
}

nlohmann::json JsonRefusal(int code) {
  return {{"kind", "Status"},
          {"status", "Failure"},
          {"code", code},
          {"reason", code == 410 ? "Expired" : "Refused"},
          {"message", "as the test says"}};
}

std::string KeyOf(const google::protobuf::Message& object) {
  kubernetes::AnyObject any;
  any.ParseFromString(object.SerializeAsString());
  return any.metadata().namespace_() + "/" + any.metadata().name();
}

}  // namespace

struct FakeApiServer::State {
  struct Kind {
    std::map<std::string, std::string> objects;  // serialised
    std::deque<Event> events;
    std::vector<std::string> requests;
    int refuse_status = 0;
    int refuse_count = 0;
    int refuse_retry_after = 0;
  };

  mutable std::mutex mutex;
  std::condition_variable changed;
  std::map<std::string, Kind> kinds;
  uint64_t version = 100;
  uint64_t compacted = 0;
  uint64_t breaks = 0;
  std::string token;
  bool ending = false;
  std::unique_ptr<httplib::Server> server;
  int port = 0;
  bool tls = false;
  std::thread thread;
  TlsFiles files;

  // `object`: serialised, with its version.
  static std::string EventOf(const ApiKind& kind, const std::string& type, const std::string& object) {
    if (!kind.custom) return Frame(type, type == "ERROR" ? object : Envelope(kind.kind, object));
    return nlohmann::json{{"type", type}, {"object", nlohmann::json::parse(object)}}.dump() + "\n";
  }

  void Add(const std::string& kind, const std::string& type, const std::string& object) {
    kinds[kind].events.push_back({version, EventOf(KindOf(kind), type, object)});
    changed.notify_all();
  }

  // Metadata alone, with the next version.
  std::string Bare(const std::string& kind, const std::string& namespace_name, const std::string& name) {
    ++version;
    if (KindOf(kind).custom) {
      nlohmann::json metadata = {{"resourceVersion", absl::StrCat(version)}};
      if (!name.empty()) metadata["name"] = name;
      return nlohmann::json{{"kind", kind}, {"metadata", metadata}}.dump();
    }
    kubernetes::AnyObject object;
    if (!name.empty()) object.mutable_metadata()->set_name(name);
    if (!namespace_name.empty()) object.mutable_metadata()->set_namespace_(namespace_name);
    return WithVersion(object, version);
  }

  void Answer(const ApiKind& kind, const httplib::Request& request, httplib::Response& response) {
    std::lock_guard<std::mutex> lock(mutex);
    Kind& state = kinds[kind.kind];
    state.requests.push_back(request.target.substr(request.target.rfind('/') + 1));
    int status = 0;
    if (!token.empty() && request.get_header_value("Authorization") != "Bearer " + token) status = 401;
    if (state.refuse_count != 0) {
      if (state.refuse_count > 0) --state.refuse_count;
      status = state.refuse_status;
      if (state.refuse_retry_after > 0)
        response.set_header("Retry-After", absl::StrCat(state.refuse_retry_after));
    }
    const char* type = kind.custom ? "application/json" : kProtobufType;
    if (status == 0 && !absl::StrContains(request.get_header_value("Accept"), type)) status = 406;
    if (status != 0) {
      Refuse(kind, status, response);
    } else if (request.has_param("watch")) {
      Watch(kind, request, response);
    } else {
      List(kind, request, response);
    }
  }

  static void Refuse(const ApiKind& kind, int status, httplib::Response& response) {
    response.status = status;
    if (kind.custom) {
      response.set_content(JsonRefusal(status).dump(), "application/json");
    } else {
      response.set_content(Refusal(status), kProtobufType);
    }
  }

  void List(const ApiKind& kind, const httplib::Request& request, httplib::Response& response) {
    Kind& state = kinds[kind.kind];
    std::string from = request.get_param_value("continue");  // "VERSION:last key"
    uint64_t list_version = version;
    if (!from.empty()) {
      list_version = std::strtoull(from.c_str(), nullptr, 10);
      if (list_version <= compacted) {
        return Refuse(kind, 410, response);
      }
      from = from.substr(from.find(':') + 1);
    }
    std::vector<std::string> items;
    std::string next;
    size_t limit = std::strtoull(request.get_param_value("limit").c_str(), nullptr, 10);
    for (auto at = state.objects.upper_bound(from); at != state.objects.end(); ++at) {
      if (items.size() == limit) {
        next = absl::StrCat(list_version, ":", std::prev(at)->first);
        break;
      }
      items.push_back(at->second);
    }
    if (kind.custom) {
      nlohmann::json list = {
          {"kind", absl::StrCat(kind.kind, "List")},
          {"metadata", {{"resourceVersion", absl::StrCat(list_version)}, {"continue", next}}},
          {"items", nlohmann::json::array()}};
      for (const std::string& item : items) list["items"].push_back(nlohmann::json::parse(item));
      return response.set_content(list.dump(), "application/json");
    }
    kubernetes::AnyList list;
    for (const std::string& item : items) list.add_items(item);
    if (!next.empty()) list.mutable_metadata()->set_continue_(next);
    list.mutable_metadata()->set_resourceversion(absl::StrCat(list_version));
    response.set_content(Envelope(absl::StrCat(kind.kind, "List"), list.SerializeAsString()), kProtobufType);
  }

  void Watch(const ApiKind& kind, const httplib::Request& request, httplib::Response& response) {
    uint64_t seen = std::strtoull(request.get_param_value("resourceVersion").c_str(), nullptr, 10);
    uint64_t breaks_seen = breaks;
    const std::string name = kind.kind;
    const std::string gone = EventOf(kind, "ERROR", kind.custom ? JsonRefusal(410).dump() : Refusal(410));
    response.set_chunked_content_provider(
        std::string(kind.custom ? "application/json" : kProtobufType) + ";stream=watch",
        [this, name, gone, seen, breaks_seen](size_t, httplib::DataSink& sink) mutable {
          std::unique_lock<std::mutex> lock(mutex);
          if (seen < compacted) {
            sink.write(gone.data(), gone.size());
            sink.done();
            return true;
          }
          const std::deque<Event>& events = kinds[name].events;
          auto next = [&] {
            return std::find_if(events.begin(), events.end(),
                                [&](const Event& e) { return e.version > seen; });
          };
          // Wakes up now and then to notice that the client is gone.
          changed.wait_for(lock, std::chrono::milliseconds(200),
                           [&] { return ending || breaks != breaks_seen || next() != events.end(); });
          if (ending || breaks != breaks_seen) return false;
          auto event = next();
          if (event == events.end()) return sink.is_writable();
          seen = event->version;
          std::string bytes = event->bytes;
          lock.unlock();
          // In two pieces: a client has to put frames together.
          size_t half = bytes.size() / 2;
          return sink.write(bytes.data(), half) && sink.write(bytes.data() + half, bytes.size() - half);
        });
  }
};

FakeApiServer::FakeApiServer(const TlsFiles& tls) : state_(std::make_unique<State>()) {
  State* state = state_.get();
  state->tls = !tls.cert.empty();
  state->files = tls;
  if (state->tls) {
    state->server = std::make_unique<httplib::SSLServer>(tls.cert.c_str(), tls.key.c_str(), tls.ca.c_str());
  } else {
    state->server = std::make_unique<httplib::Server>();
  }
  state->server->new_task_queue = [] { return new httplib::ThreadPool(32); };
  for (const ApiKind& kind : kApiKinds) {
    state->server->Get(kind.path,
                       [state, &kind](const httplib::Request& request, httplib::Response& response) {
                         state->Answer(kind, request, response);
                       });
  }
  state->port = state->server->bind_to_any_port("127.0.0.1");
  if (state->port <= 0) std::abort();
  state->thread = std::thread([state] { state->server->listen_after_bind(); });
  // stop() does nothing before.
  while (!state->server->is_running()) std::this_thread::yield();
}

FakeApiServer::~FakeApiServer() {
  {
    std::lock_guard<std::mutex> lock(state_->mutex);
    state_->ending = true;
    state_->changed.notify_all();
  }
  state_->server->stop();
  state_->thread.join();
}

std::string FakeApiServer::url() const {
  return absl::StrCat(state_->tls ? "https" : "http", "://127.0.0.1:", state_->port);
}

kube::ApiAccess FakeApiServer::access() const {
  kube::ApiAccess access;
  access.servers = {url()};
  access.ca.file = state_->files.ca;
  return access;
}

void FakeApiServer::Put(const google::protobuf::Message& object) {
  std::lock_guard<std::mutex> lock(state_->mutex);
  const std::string& kind = object.GetDescriptor()->name();
  std::string bytes = WithVersion(object, ++state_->version);
  std::string& place = state_->kinds[kind].objects[KeyOf(object)];
  const char* type = place.empty() ? "ADDED" : "MODIFIED";
  place = bytes;
  state_->Add(kind, type, bytes);
}

void FakeApiServer::Put(nlohmann::json object) {
  std::lock_guard<std::mutex> lock(state_->mutex);
  nlohmann::json& metadata = object["metadata"];
  metadata["resourceVersion"] = absl::StrCat(++state_->version);
  const std::string kind = object["kind"];
  std::string& place =
      state_->kinds[kind]
          .objects[metadata.value("namespace", "") + "/" + metadata["name"].get<std::string>()];
  const char* type = place.empty() ? "ADDED" : "MODIFIED";
  place = object.dump();
  state_->Add(kind, type, place);
}

void FakeApiServer::Delete(const std::string& kind, const std::string& namespace_name,
                           const std::string& name) {
  std::lock_guard<std::mutex> lock(state_->mutex);
  state_->kinds[kind].objects.erase(namespace_name + "/" + name);
  state_->Add(kind, "DELETED", state_->Bare(kind, namespace_name, name));
}

void FakeApiServer::Bookmark(const std::string& kind) {
  std::lock_guard<std::mutex> lock(state_->mutex);
  state_->Add(kind, "BOOKMARK", state_->Bare(kind, "", ""));
}

void FakeApiServer::Compact() {
  std::lock_guard<std::mutex> lock(state_->mutex);
  state_->compacted = ++state_->version;
  for (auto& [name, kind] : state_->kinds) kind.events.clear();
}

void FakeApiServer::BreakStreams() {
  std::lock_guard<std::mutex> lock(state_->mutex);
  ++state_->breaks;
  state_->changed.notify_all();
}

void FakeApiServer::SendBytes(const std::string& kind, const std::string& bytes) {
  std::lock_guard<std::mutex> lock(state_->mutex);
  state_->kinds[kind].events.push_back({++state_->version, bytes});
  state_->changed.notify_all();
}

void FakeApiServer::Refuse(const std::string& resource, int status, int count, int retry_after_seconds) {
  std::lock_guard<std::mutex> lock(state_->mutex);
  for (const ApiKind& kind : kApiKinds) {
    if (resource != kind.resource) continue;
    State::Kind& state = state_->kinds[kind.kind];
    state.refuse_status = status;
    state.refuse_count = count;
    state.refuse_retry_after = retry_after_seconds;
  }
}

void FakeApiServer::RequireToken(const std::string& token) {
  std::lock_guard<std::mutex> lock(state_->mutex);
  state_->token = token;
}

uint64_t FakeApiServer::resource_version() const {
  std::lock_guard<std::mutex> lock(state_->mutex);
  return state_->version;
}

std::vector<std::string> FakeApiServer::Requests(const std::string& resource) const {
  std::lock_guard<std::mutex> lock(state_->mutex);
  std::vector<std::string> all;
  for (const auto& [name, kind] : state_->kinds) {
    for (const std::string& request : kind.requests) {
      if (absl::StartsWith(request, resource + "?")) all.push_back(request);
    }
  }
  return all;
}

kubernetes::Namespace MakeNamespace(const std::string& name) {
  kubernetes::Namespace object;
  object.mutable_metadata()->set_name(name);
  return object;
}

kubernetes::Node MakeNode(const std::string& name, const std::string& cidr, const std::string& address) {
  kubernetes::Node node;
  node.mutable_metadata()->set_name(name);
  node.mutable_metadata()->set_namespace_("");
  node.mutable_spec()->set_podcidr(cidr);
  node.mutable_spec()->add_podcidrs(cidr);
  kubernetes::NodeAddress* own = node.mutable_status()->add_addresses();
  own->set_type("InternalIP");
  own->set_address(address);
  return node;
}

kubernetes::Pod MakePod(const std::string& namespace_name, const std::string& name, const std::string& node) {
  kubernetes::Pod pod;
  pod.mutable_metadata()->set_name(name);
  pod.mutable_metadata()->set_namespace_(namespace_name);
  pod.mutable_metadata()->set_uid(absl::StrCat("uid-", namespace_name, "-", name));
  pod.mutable_spec()->set_nodename(node);
  kubernetes::Container* container = pod.mutable_spec()->add_containers();
  container->set_name("main");
  container->set_image("busybox");
  return pod;
}

}  // namespace fairlead::controller
