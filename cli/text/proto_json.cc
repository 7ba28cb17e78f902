#include "cli/text/proto_json.h"

#include <google/protobuf/descriptor.h>

#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_format.h"
#include "base/ip.h"

namespace fairlead::cli {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using nlohmann::json;

std::string BytesText(const std::string& bytes) {
  if (bytes.empty()) return "";
  if (bytes.size() == 6) {
    const auto* b = reinterpret_cast<const uint8_t*>(bytes.data());
    return absl::StrFormat("%02x:%02x:%02x:%02x:%02x:%02x", b[0], b[1], b[2], b[3], b[4], b[5]);
  }
  const auto address = IpAddress::FromBytes(absl::string_view(bytes.data(), bytes.size()));
  return address.ok() ? address->ToString()
                      : absl::BytesToHexString(absl::string_view(bytes.data(), bytes.size()));
}

// `index` < 0: a field that is not repeated.
json Value(const Message& message, const FieldDescriptor* field, int index) {
  const Reflection* reflection = message.GetReflection();
  const bool repeated = index >= 0;
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return repeated ? reflection->GetRepeatedInt32(message, field, index)
                      : reflection->GetInt32(message, field);
    case FieldDescriptor::CPPTYPE_INT64:
      return repeated ? reflection->GetRepeatedInt64(message, field, index)
                      : reflection->GetInt64(message, field);
    case FieldDescriptor::CPPTYPE_UINT32:
      return repeated ? reflection->GetRepeatedUInt32(message, field, index)
                      : reflection->GetUInt32(message, field);
    case FieldDescriptor::CPPTYPE_UINT64:
      return repeated ? reflection->GetRepeatedUInt64(message, field, index)
                      : reflection->GetUInt64(message, field);
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return repeated ? reflection->GetRepeatedDouble(message, field, index)
                      : reflection->GetDouble(message, field);
    case FieldDescriptor::CPPTYPE_FLOAT:
      return repeated ? reflection->GetRepeatedFloat(message, field, index)
                      : reflection->GetFloat(message, field);
    case FieldDescriptor::CPPTYPE_BOOL:
      return repeated ? reflection->GetRepeatedBool(message, field, index)
                      : reflection->GetBool(message, field);
    case FieldDescriptor::CPPTYPE_ENUM: {
      const auto* value =
          repeated ? reflection->GetRepeatedEnum(message, field, index) : reflection->GetEnum(message, field);
      return absl::AsciiStrToLower(value->name());
    }
    case FieldDescriptor::CPPTYPE_STRING: {
      const std::string text = repeated ? reflection->GetRepeatedString(message, field, index)
                                        : reflection->GetString(message, field);
      return field->type() == FieldDescriptor::TYPE_BYTES ? BytesText(text) : text;
    }
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return ToJson(repeated ? reflection->GetRepeatedMessage(message, field, index)
                             : reflection->GetMessage(message, field));
  }
  return nullptr;
}

json MapValue(const Message& message, const FieldDescriptor* field) {
  json object = json::object();
  const Reflection* reflection = message.GetReflection();
  for (int i = 0; i < reflection->FieldSize(message, field); ++i) {
    const Message& entry = reflection->GetRepeatedMessage(message, field, i);
    const json key = Value(entry, field->message_type()->map_key(), -1);
    object[key.is_string() ? key.get<std::string>() : key.dump()] =
        Value(entry, field->message_type()->map_value(), -1);
  }
  return object;
}

}  // namespace

json ToJson(const Message& message) {
  json object = json::object();
  const Reflection* reflection = message.GetReflection();
  const auto* descriptor = message.GetDescriptor();
  for (int i = 0; i < descriptor->field_count(); ++i) {
    const FieldDescriptor* field = descriptor->field(i);
    json& value = object[field->json_name()];
    if (field->is_map()) {
      value = MapValue(message, field);
    } else if (field->is_repeated()) {
      value = json::array();
      for (int k = 0; k < reflection->FieldSize(message, field); ++k)
        value.push_back(Value(message, field, k));
    } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE &&
               !reflection->HasField(message, field)) {
      value = nullptr;
    } else {
      value = Value(message, field, -1);
    }
  }
  return object;
}

}  // namespace fairlead::cli
