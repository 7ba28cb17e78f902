// Requests to one of several API servers, many at a time, on one thread; libcurl stops here.
//
// Credentials that are files are read again for each request. After a failure that was the server's,
// requests go to the next server.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "kube/access.h"

namespace fairlead::kube {

struct HttpRequest {
  std::string method = "GET";
  std::string path;    // with its query
  std::string accept;  // a media type
  std::string content_type;
  std::string body;                   // empty: none
  int stream_seconds = 0;             // above 0: a stream that may be silent, and lasts this long at most
  int timeout_ms = 0;                 // of no stream; 0: as long as the reply makes progress, minutes at most
  bool wants_new_connection = false;  // not one that was used before
};

struct HttpEnd {
  int status = 0;     // 0: no reply
  std::string error;  // of the transfer; empty: the reply came whole
  int64_t retry_after_seconds = 0;

  bool failed() const { return !error.empty() || status == 0 || status >= 400; }
  bool servers_fault() const { return !error.empty() || status == 0 || status >= 500; }
};

class HttpReceiver {
 public:
  virtual ~HttpReceiver() = default;
  // The reply begins; its body may be long in coming.
  virtual void OnReply(int status) = 0;
  // False: the rest is not wanted.
  virtual bool OnData(int status, absl::string_view bytes) = 0;
  virtual void OnEnd(const HttpEnd& end) = 0;
};

class HttpClient {
 public:
  static absl::StatusOr<std::unique_ptr<HttpClient>> Create(ApiAccess access);
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  size_t server_count() const;

  // `receiver` is called from Run, until its OnEnd. One request a receiver.
  void Start(const HttpRequest& request, HttpReceiver* receiver);
  // Ends a request early, which is no failure; OnEnd is called from the next Run.
  void Cancel(HttpReceiver* receiver);

  // Moves everything on; unless a request ended, waits up to `timeout_ms` for something to happen.
  void Run(int timeout_ms);
  // From any thread: ends the wait of Run.
  void Wake();

 private:
  struct State;
  explicit HttpClient(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace fairlead::kube
