#include "agent/sync_client.h"

#include <algorithm>
#include <chrono>
#include <deque>
#include <random>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "agent/decode.h"
#include "agent/encode.h"
#include "api/control.grpc.pb.h"
#include "base/status_macros.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"
#include "grpcpp/support/channel_arguments.h"
#include "spdlog/spdlog.h"

namespace fairlead::agent {
namespace {

namespace pb = control::v1;

constexpr char kUnix[] = "unix:";
constexpr int kMaxResponseBytes = 64 << 20;
constexpr int kKeepaliveMs = 10'000;
constexpr absl::Duration kEndPatience = absl::Seconds(5);

TlsFiles FilesOf(const SyncOptions& options) {
  return {options.tls_ca, options.tls_cert, options.tls_key};
}

bool IsUnix(const std::string& controller) {
  return absl::StartsWith(controller, kUnix);
}

absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> TlsCredentials(ControllerTls& source) {
  ASSIGN_OR_RETURN(const TlsTexts texts, source.Texts());
  grpc::SslCredentialsOptions tls;
  tls.pem_root_certs = texts.ca;
  tls.pem_cert_chain = texts.cert;
  tls.pem_private_key = texts.key;
  return grpc::SslCredentials(tls);
}

std::shared_ptr<grpc::Channel> OpenChannel(const std::string& target, const std::string& server_name,
                                           const std::shared_ptr<grpc::ChannelCredentials>& credentials) {
  grpc::ChannelArguments arguments;
  if (!server_name.empty() && !IsUnix(target)) arguments.SetSslTargetNameOverride(server_name);
  arguments.SetMaxReceiveMessageSize(kMaxResponseBytes);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveMs);
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  // Each attempt is a connection of its own: the delays between them are ours, not the channel's.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel(target, credentials, arguments);
}

}  // namespace

// One stream. gRPC's callbacks only post; all else is on the loop's thread. Owned by whoever may still
// touch it: the client, what was posted, and gRPC (self_) until OnDone. It dies on the loop's thread, or
// with the loop: with it goes its channel, and the last channel of a process joins the threads that run
// gRPC's callbacks, so that none of them may be the one that lets go of it.
class SyncClient::Stream : public grpc::ClientBidiReactor<pb::SyncRequest, pb::SyncResponse>,
                           public std::enable_shared_from_this<SyncClient::Stream> {
 public:
  Stream(SyncClient* client, std::shared_ptr<grpc::Channel> channel)
      : client_(client), loop_(client->loop_), stub_(pb::ControlApi::NewStub(std::move(channel))) {}

  void Start(pb::SyncRequest hello) {
    self_ = shared_from_this();
    stub_->async()->Sync(&context_, this);
    AddHold();  // operations are started outside of gRPC's callbacks
    Send(std::move(hello));
    StartRead(&response_);
    StartCall();
  }

  void Send(pb::SyncRequest request) {
    if (!held_) return;  // over: gRPC may have let go of the call
    queue_.push_back(std::move(request));
    if (queue_.size() == 1) StartWrite(&queue_.front());
  }

  void Cancel() { context_.TryCancel(); }

  // The client is going away: gRPC must have let go of everything.
  void Abandon() {
    client_ = nullptr;
    Cancel();
    ReleaseHold();
    done_->WaitForNotificationWithTimeout(kEndPatience);
  }

  void OnReadDone(bool ok) override {
    loop_->Post([stream = shared_from_this(), ok] { ok ? stream->Handle() : stream->ReleaseHold(); });
  }
  void OnWriteDone(bool ok) override {
    loop_->Post([stream = shared_from_this(), ok] {
      stream->queue_.pop_front();
      if (ok && stream->held_ && !stream->queue_.empty()) stream->StartWrite(&stream->queue_.front());
    });
  }
  void OnDone(const grpc::Status& status) override {
    absl::Status result(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
    const std::shared_ptr<absl::Notification> done = done_;  // the loop may be done with this stream at once
    loop_->Post([stream = std::move(self_), result] {
      if (stream->client_ != nullptr) stream->client_->OnStreamEnd(result);
    });
    done->Notify();
  }

 private:
  void Handle() {
    if (client_ == nullptr) return;
    Push push = Decode(response_);
    const uint64_t nonce = push.nonce;
    const std::vector<ResourceError> errors = client_->handler_->OnPush(std::move(push));
    Send(errors.empty() ? EncodeAck(nonce) : EncodeNack(nonce, errors));
    client_->OnAnswer();
    response_.Clear();
    StartRead(&response_);
  }

  void ReleaseHold() {
    if (!std::exchange(held_, false)) return;
    RemoveHold();
  }

  SyncClient* client_;
  EventLoop* loop_;
  std::unique_ptr<pb::ControlApi::Stub> stub_;
  grpc::ClientContext context_;
  pb::SyncResponse response_;
  std::deque<pb::SyncRequest> queue_;  // the first is being written
  bool held_ = true;
  std::shared_ptr<Stream> self_;
  std::shared_ptr<absl::Notification> done_ = std::make_shared<absl::Notification>();
};

absl::Status CheckOptions(const SyncOptions& options) {
  const bool over_tls = options.controllers.empty() ||
                        !std::all_of(options.controllers.begin(), options.controllers.end(), IsUnix);
  if (!over_tls || options.tls != nullptr) return absl::OkStatus();
  if (options.tls_ca.empty() || options.tls_cert.empty() || options.tls_key.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("--controller ", absl::StrJoin(options.controllers, " "),
                     ": only unix:/PATH goes without TLS; give --tls-ca, --tls-cert and --tls-key"));
  }
  // What becomes known later may have its files later; else a mistyped path is told at the start.
  return options.controllers.empty() ? absl::OkStatus() : ReadTlsFiles(FilesOf(options)).status();
}

absl::StatusOr<std::unique_ptr<SyncClient>> SyncClient::Create(EventLoop* loop, SyncHandler* handler,
                                                               SyncOptions options) {
  RETURN_IF_ERROR(CheckOptions(options));
  return absl::WrapUnique(new SyncClient(loop, handler, std::move(options)));
}

SyncClient::SyncClient(EventLoop* loop, SyncHandler* handler, SyncOptions options)
    : loop_(loop),
      handler_(handler),
      options_(std::move(options)),
      files_(FilesOf(options_), options_.node),
      backoff_(options_.first_delay_ns, options_.max_delay_ns, std::random_device()()) {}

SyncClient::~SyncClient() {
  loop_->Cancel(timer_);
  loop_->Cancel(silence_timer_);
  if (stream_) stream_->Abandon();
}

void SyncClient::Start() {
  started_ = true;
  Connect();
}

void SyncClient::SetControllers(std::vector<std::string> controllers) {
  if (controllers == options_.controllers) return;
  options_.controllers = std::move(controllers);
  // Next after the one that is connected; the first where that is none of them.
  const auto& all = options_.controllers;
  const auto same = std::find(all.begin(), all.end(), connected_to_);
  place_ = 0;
  if (stream_ && !all.empty()) place_ = same != all.end() ? same - all.begin() : all.size() - 1;
  tried_ = 0;
  ConnectNow();
}

void SyncClient::ConnectNow() {
  if (!started_ || stream_ || options_.controllers.empty()) return;
  loop_->Cancel(timer_);
  ConnectLater(0);
}

void SyncClient::Connect() {
  timer_ = 0;
  if (options_.controllers.empty()) {
    handler_->OnDisconnect(absl::UnavailableError("no controller is known yet"));
    return;
  }
  auto credentials = IsUnix(controller()) ? grpc::InsecureChannelCredentials() : TlsCredentials(tls());
  if (!credentials.ok()) {
    handler_->OnDisconnect(credentials.status());
    ConnectLater(backoff_.NextNs());
    return;
  }
  connected_to_ = controller();
  silent_ = false;
  const Hello hello = handler_->OnConnect();
  stream_ =
      std::make_shared<Stream>(this, OpenChannel(connected_to_, options_.tls_server_name, *credentials));
  stream_->Start(
      EncodeHello(options_.node, options_.version, *hello.state, hello.watermark, hello.endpoints));
  silence_timer_ = loop_->After(std::chrono::nanoseconds(options_.silence_ns), [this] { OnSilence(); });
}

void SyncClient::ConnectLater(int64_t delay_ns) {
  timer_ = loop_->After(std::chrono::nanoseconds(delay_ns), [this] { Connect(); });
}

void SyncClient::OnSilence() {
  silence_timer_ = 0;
  if (!stream_ || options_.controllers.size() < 2) return;
  silent_ = true;
  stream_->Cancel();
}

void SyncClient::OnAnswer() {
  loop_->Cancel(std::exchange(silence_timer_, 0));
  backoff_.Reset();
  tried_ = 0;
}

void SyncClient::Advance() {
  const size_t count = options_.controllers.size();
  if (count > 0) place_ = (place_ + 1) % count;
  ++tried_;
  const bool all_tried = tried_ >= count;
  if (all_tried) tried_ = 0;
  if (count > 0) ConnectLater(all_tried ? backoff_.NextNs() : backoff_.ShortestNs());
  options_.on_loss(all_tried);
}

void SyncClient::OnStreamEnd(const absl::Status& status) {
  stream_.reset();
  loop_->Cancel(std::exchange(silence_timer_, 0));
  if (absl::IsAborted(status)) {
    // Both come back for ever; without a long wait they would do nothing else.
    handler_->OnDisconnect(absl::AbortedError(
        absl::StrCat("sync with the controller at ", connected_to_, ": ", status.message(),
                     "; two agents with --node ", options_.node, " take turns: stop one of them")));
    ConnectLater(backoff_.LongestNs());
    return;
  }
  handler_->OnDisconnect(Explain(status));
  Advance();
}

absl::Status SyncClient::Explain(const absl::Status& status) {
  if (silent_) {
    return absl::DeadlineExceededError(absl::StrCat("the controller at ", connected_to_, " said nothing for ",
                                                    options_.silence_ns / 1'000'000'000, " s"));
  }
  if (status.ok()) {
    return absl::UnavailableError(absl::StrCat("the controller at ", connected_to_, " hung up"));
  }
  std::string message = absl::StrCat("sync with the controller at ", connected_to_, ": ", status.message());
  if (!IsUnix(connected_to_)) absl::StrAppend(&message, tls().Advice(status));
  return {status.code(), message};
}

void SyncClient::Reconnect() {
  if (stream_) stream_->Cancel();
}

void SyncClient::Report(const std::vector<EndpointReport>& upserts,
                        const std::vector<EndpointReport>& removals) {
  if (stream_) stream_->Send(EncodeReport(upserts, removals));
}

void SyncClient::ReportHealth(const AgentHealth& health) {
  if (stream_) stream_->Send(EncodeHealth(health));
}

}  // namespace fairlead::agent
