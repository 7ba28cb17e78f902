#include "controller/kubernetes/decode.h"

#include <memory>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "base/yaml/value.h"
#include "controller/kubernetes/decode_json.h"
#include "controller/kubernetes/object_value.h"
#include "controller/kubernetes/resource_version.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "kubernetes.pb.h"

namespace fairlead::controller {
namespace {

// Every object begins with it (k8s.io/apimachinery/pkg/runtime/serializer/protobuf).
constexpr absl::string_view kMagic("k8s\0", 4);
constexpr size_t kMaxShownBytes = 300;

bool Parse(absl::string_view bytes, google::protobuf::Message* message) {
  return message->ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
}

absl::StatusOr<kubernetes::Unknown> OpenEnvelope(absl::string_view bytes) {
  kubernetes::Unknown envelope;
  if (!absl::StartsWith(bytes, kMagic) || !Parse(bytes.substr(kMagic.size()), &envelope)) {
    return absl::InvalidArgumentError("what came is no Kubernetes object in the Protobuf encoding");
  }
  if (!envelope.contentencoding().empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("an object came in the content encoding \"", envelope.contentencoding(), "\""));
  }
  return envelope;
}

std::unique_ptr<google::protobuf::Message> NewObject(const ApiKind& kind) {
  const std::string name = absl::StrCat("fairlead.controller.kubernetes.", kind.kind);
  const google::protobuf::Descriptor* type =
      kubernetes::Pod::descriptor()->file()->pool()->FindMessageTypeByName(name);
  return std::unique_ptr<google::protobuf::Message>(
      google::protobuf::MessageFactory::generated_factory()->GetPrototype(type)->New());
}

absl::StatusOr<ManifestEntry> DecodeObject(const ApiKind& kind, absl::string_view bytes) {
  std::unique_ptr<google::protobuf::Message> object = NewObject(kind);
  if (!Parse(bytes, object.get())) {
    kubernetes::AnyObject any;
    if (!Parse(bytes, &any) || any.metadata().name().empty()) {
      return absl::InvalidArgumentError(absl::StrCat("an object of kind ", kind.kind, " cannot be decoded"));
    }
    ManifestEntry entry;
    entry.key = ObjectKey{kind.kind, any.metadata().namespace_(), any.metadata().name()};
    entry.rejections.push_back({entry.key->ToString(), {"API server", 0}, "its fields cannot be decoded"});
    return entry;
  }
  return ReadObject(kind.kind, kind.cluster_scoped, {"API server", 0}, ValueOf(*object));
}

std::string Shortened(absl::string_view text) {
  return text.size() <= kMaxShownBytes ? std::string(text)
                                       : absl::StrCat(text.substr(0, kMaxShownBytes), "...");
}

ApiRefusal RefusalOf(const kubernetes::Status& status) {
  return {status.code(), status.reason(), Shortened(status.message())};
}

}  // namespace

absl::StatusOr<ListPage> DecodeList(const ApiKind& kind, absl::string_view body) {
  if (kind.custom) return DecodeJsonList(kind, body);
  ASSIGN_OR_RETURN(kubernetes::Unknown envelope, OpenEnvelope(body));
  const std::string wanted = absl::StrCat(kind.kind, "List");
  if (envelope.typemeta().kind() != wanted) {
    return absl::InvalidArgumentError(
        absl::StrCat("a ", Shortened(envelope.typemeta().kind()), " came instead of a ", wanted));
  }
  kubernetes::AnyList list;
  if (!Parse(envelope.raw(), &list)) {
    return absl::InvalidArgumentError(absl::StrCat("a ", wanted, " cannot be decoded"));
  }
  ListPage page;
  ASSIGN_OR_RETURN(page.resource_version, ReadResourceVersion(list.metadata().resourceversion()));
  page.continue_token = list.metadata().continue_();
  page.entries.reserve(list.items_size());
  for (const std::string& item : list.items()) {
    ASSIGN_OR_RETURN(ManifestEntry entry, DecodeObject(kind, item));
    page.entries.push_back(std::move(entry));
  }
  return page;
}

absl::StatusOr<ApiEvent> DecodeEvent(const ApiKind& kind, absl::string_view frame) {
  if (kind.custom) return DecodeJsonEvent(kind, frame);
  kubernetes::WatchEvent raw;
  if (!Parse(frame, &raw)) return absl::InvalidArgumentError("an event of the watch cannot be decoded");
  ASSIGN_OR_RETURN(kubernetes::Unknown envelope, OpenEnvelope(raw.object().raw()));
  ApiEvent event;
  if (raw.type() == "ERROR") {
    kubernetes::Status status;
    if (!Parse(envelope.raw(), &status)) return absl::InvalidArgumentError("a Status cannot be decoded");
    event.type = ApiEvent::Type::kError;
    event.refusal = RefusalOf(status);
    return event;
  }
  if (envelope.typemeta().kind() != kind.kind) {
    return absl::InvalidArgumentError(
        absl::StrCat("a ", Shortened(envelope.typemeta().kind()), " came instead of a ", kind.kind));
  }
  kubernetes::AnyObject object;
  if (!Parse(envelope.raw(), &object)) return absl::InvalidArgumentError("an object cannot be decoded");
  ASSIGN_OR_RETURN(event.resource_version, ReadResourceVersion(object.metadata().resourceversion()));
  if (raw.type() == "BOOKMARK") return event;
  if (raw.type() == "DELETED") {
    event.type = ApiEvent::Type::kDelete;
    event.entry.key = ObjectKey{kind.kind, object.metadata().namespace_(), object.metadata().name()};
    return event;
  }
  if (raw.type() != "ADDED" && raw.type() != "MODIFIED") {
    return absl::InvalidArgumentError(absl::StrCat("an event has the type \"", Shortened(raw.type()), "\""));
  }
  event.type = ApiEvent::Type::kPut;
  ASSIGN_OR_RETURN(event.entry, DecodeObject(kind, envelope.raw()));
  return event;
}

ApiRefusal DecodeRefusal(int http_status, absl::string_view body) {
  ApiRefusal refusal{http_status, "", ""};
  absl::StatusOr<kubernetes::Unknown> envelope = OpenEnvelope(body);
  kubernetes::Status status;
  if (envelope.ok() && Parse(envelope->raw(), &status)) {
    refusal = RefusalOf(status);
  } else if (absl::StatusOr<std::vector<Value>> json = ParseDocuments(body); json.ok() && json->size() == 1) {
    for (const auto& [key, place] : {std::pair("reason", &refusal.reason), {"message", &refusal.message}}) {
      const Value* text = json->front().Find(key);
      if (text != nullptr && text->type == Value::Type::kString) *place = Shortened(text->text);
    }
  }
  refusal.code = http_status;
  return refusal;
}

}  // namespace fairlead::controller
