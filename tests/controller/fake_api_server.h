// An API server for tests: lists in pages and watches, in the API's Protobuf encoding (custom resources: in
// JSON), over real HTTP(S) on a port of 127.0.0.1. It can also do what goes wrong: refuse, break streams,
// forget its history, send garbage.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "controller/server/server.h"
#include "kube/access.h"
#include "kubernetes.pb.h"

namespace fairlead::controller {

class FakeApiServer {
 public:
  // With `tls`: HTTPS, and clients need a certificate of its CA.
  explicit FakeApiServer(const TlsFiles& tls = {});
  ~FakeApiServer();
  FakeApiServer(const FakeApiServer&) = delete;
  FakeApiServer& operator=(const FakeApiServer&) = delete;

  std::string url() const;
  kube::ApiAccess access() const;

  // `object`: of kubernetes.proto; its message's name is its kind. Sets its resourceVersion.
  void Put(const google::protobuf::Message& object);
  // Of a custom resource, with its kind.
  void Put(nlohmann::json object);
  void Delete(const std::string& kind, const std::string& namespace_name, const std::string& name);
  // Tells watchers of a kind how far they are.
  void Bookmark(const std::string& kind);
  // Forgets all events up to now: older watches and continue tokens are answered by 410.
  void Compact();
  // All streams end without their last chunk.
  void BreakStreams();
  // All watches of a kind get these bytes next.
  void SendBytes(const std::string& kind, const std::string& bytes);
  // The next `count` requests (-1: all) for a resource's lists, or watches, are answered so.
  void Refuse(const std::string& resource, int status, int count, int retry_after_seconds = 0);
  // Requests need this bearer token; empty: none.
  void RequireToken(const std::string& token);

  uint64_t resource_version() const;
  // Lists or watches of a resource that were asked for, as "pods?limit=500".
  std::vector<std::string> Requests(const std::string& resource) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Objects as the API server would hold them.
kubernetes::Namespace MakeNamespace(const std::string& name);
kubernetes::Node MakeNode(const std::string& name, const std::string& cidr, const std::string& address);
kubernetes::Pod MakePod(const std::string& namespace_name, const std::string& name, const std::string& node);

}  // namespace fairlead::controller
