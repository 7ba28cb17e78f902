// The agent's end of ControlApi.Sync: one stream to one of the controller's replicas. When it ends, the next
// replica is tried at once; when all have been, with a jittered, growing delay. Which replica answers makes
// no difference to what is held: the handler's watermark says what is too old. Every push is answered with an
// Ack or a Nack once the handler has dealt with it.
// Lives on the state thread; gRPC's threads only post to it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/controller_tls.h"
#include "agent/endpoint_report.h"
#include "agent/health.h"
#include "agent/node_state.h"
#include "agent/resource.h"
#include "agent/tls_files.h"
#include "base/backoff.h"
#include "base/event_loop.h"

namespace fairlead::agent {

// What the agent says when it connects.
struct Hello {
  const NodeState* state = nullptr;
  uint64_t watermark = 0;
  std::vector<EndpointReport> endpoints;
};

class SyncHandler {
 public:
  virtual ~SyncHandler() = default;
  virtual Hello OnConnect() = 0;
  // Nothing: the datapath holds it. Otherwise it holds what it held before, for these reasons.
  virtual std::vector<ResourceError> OnPush(Push push) = 0;
  virtual void OnDisconnect(const absl::Status& status) = 0;
};

struct SyncOptions {
  std::string node;
  std::string version;
  // "unix:/PATH", or "HOST:PORT" with `tls` or all three files, which are read again at every attempt. In the
  // order in which they are tried; none: SetControllers will name them.
  std::vector<std::string> controllers;
  std::string tls_ca, tls_cert, tls_key;
  ControllerTls* tls = nullptr;  // instead of the files; must outlive the client
  // What the certificate of a controller over TLS is issued for; empty: the HOST by which it is reached.
  std::string tls_server_name;
  int64_t first_delay_ns = 50'000'000;
  int64_t max_delay_ns = 10'000'000'000;
  // A replica that has said nothing for so long is given up where there is another.
  int64_t silence_ns = 30'000'000'000;
  // A stream has ended. `all_tried`: none of the controllers has answered since the last one did.
  std::function<void(bool all_tried)> on_loss = [](bool) {};
};

// INVALID_ARGUMENT when the options do not fit together; NOT_FOUND when a file is not there.
absl::Status CheckOptions(const SyncOptions& options);

class SyncClient {
 public:
  // `loop` and `handler` must outlive it. Checks the options.
  static absl::StatusOr<std::unique_ptr<SyncClient>> Create(EventLoop* loop, SyncHandler* handler,
                                                            SyncOptions options);
  // After the loop's end, or on its thread.
  ~SyncClient();

  void Start();
  // The controllers from now on. A stream that is up stays, whoever it leads to.
  void SetControllers(std::vector<std::string> controllers);
  // Where an attempt waits for its time: now. What kept the last one from succeeding has changed.
  void ConnectNow();
  // Ends the present stream; the next one starts from a new Hello.
  void Reconnect();
  // Without a stream nothing happens: the next Hello says it all.
  void Report(const std::vector<EndpointReport>& upserts, const std::vector<EndpointReport>& removals);
  void ReportHealth(const AgentHealth& health);

 private:
  class Stream;

  SyncClient(EventLoop* loop, SyncHandler* handler, SyncOptions options);
  const std::string& controller() const { return options_.controllers[place_]; }
  void Connect();
  void ConnectLater(int64_t delay_ns);
  void OnStreamEnd(const absl::Status& status);
  void OnSilence();
  void OnAnswer();
  // The next controller's turn.
  void Advance();
  // The end of a stream in words, with the way out.
  absl::Status Explain(const absl::Status& status);
  ControllerTls& tls() { return options_.tls != nullptr ? *options_.tls : files_; }

  EventLoop* loop_;
  SyncHandler* handler_;
  SyncOptions options_;
  FileTls files_;  // of options_
  Backoff backoff_;
  bool started_ = false;
  size_t place_ = 0;          // in options_.controllers: whose turn it is
  size_t tried_ = 0;          // attempts since one was answered
  bool silent_ = false;       // the stream is given up for that
  std::string connected_to_;  // of stream_
  EventLoop::TimerId timer_ = 0, silence_timer_ = 0;
  std::shared_ptr<Stream> stream_;
};

}  // namespace fairlead::agent
